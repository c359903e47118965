# gen3d on a processor: docker build -t gen3d . && docker run --rm -v "$PWD:/data" gen3d generate --category chair --n 10
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# torch for processors only; the package index' own file brings gigabytes of CUDA
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu \
    PYTHONUNBUFFERED=1
# What results belong to on the host: docker build --build-arg UID=$(id -u)
ARG UID=1000
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
RUN python -m pip install --no-cache-dir -c /wheels/constraints.txt /wheels/*.whl \
    && useradd --uid "$UID" --create-home gen3d \
    && mkdir /data \
    && chown gen3d /data
USER gen3d
WORKDIR /data
ENTRYPOINT ["gen3d"]
CMD ["--help"]
