# The service as an unprivileged user; it writes nothing, so the root filesystem can be read-only:
#   docker build -t sirolimus-tdm .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:8000:8000 \
#     -e TDM_API_KEY_HASHES=... sirolimus-tdm

FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY tdm tdm
COPY seeds seeds
COPY api api
COPY examples examples
RUN python -m venv /opt/tdm && /opt/tdm/bin/pip install --no-cache-dir .

FROM python:3.12-slim
COPY --from=build /opt/tdm /opt/tdm
ENV PATH=/opt/tdm/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TDM_HOST=0.0.0.0 \
    TDM_PORT=8000
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TDM_PORT'] + '/healthz', timeout=2)"]
CMD ["tdm", "serve"]
