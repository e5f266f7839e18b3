// A link that was opened by a person signs in without another click. Previews run no scripts.
document.querySelector("form[data-sends-itself]")?.requestSubmit();
