# MinIO as a user of its own: its image runs as root, and a new volume belongs to root.
FROM debian:bookworm-slim AS folder
RUN install -d -o 1000 -g 1000 /data

FROM minio/minio:RELEASE.2025-09-07T16-13-09Z
COPY --from=folder --chown=1000:1000 /data /data
USER 1000:1000
CMD ["server", "/data", "--console-address", ":9001"]
