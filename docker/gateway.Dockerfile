# syntax=docker/dockerfile:1
# IBKR's own Client Portal Gateway, downloaded from IBKR when the image is built. You log in by
# browser at https://127.0.0.1:5000 once a day; no password is kept here.
# IBKR publishes one file without a version, so a build gets whatever is current.

FROM debian:bookworm-slim AS gateway
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl unzip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /gateway
RUN curl -fsSLo /tmp/gateway.zip https://download2.interactivebrokers.com/portal/clientportal.gw.zip \
    && unzip -q /tmp/gateway.zip -d /gateway \
    && rm /tmp/gateway.zip

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/gateway gateway \
    && install -d -o gateway /certificate /key
COPY --from=gateway --chown=gateway:gateway /gateway /gateway
WORKDIR /gateway
COPY --chown=gateway:gateway docker/gateway/conf.yaml root/conf.yaml
COPY --chmod=755 docker/gateway/start.sh /start.sh
USER 10001
EXPOSE 5000
CMD ["/start.sh"]
