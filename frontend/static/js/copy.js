// A button that copies: `data-copy` is the text itself, `data-copy-from` the id of an element with it.
document.addEventListener("alpine:init", () => {
  Alpine.data("copying", () => ({
    label: "",
    said: "",
    init() {
      this.label = this.$el.textContent;
    },
    async copy() {
      const { copy, copyFrom } = this.$el.dataset;
      try {
        await navigator.clipboard.writeText(copyFrom ? document.getElementById(copyFrom).textContent : copy);
        this.said = "Copied";
      } catch {
        this.said = "Not copied: select it by hand";
      }
      setTimeout(() => { this.said = ""; }, 1500);
    },
  }));
});
