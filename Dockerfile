# One image for every process; docker-compose.yml says which one runs.
FROM python:3.11-slim-bookworm

RUN useradd --create-home reautomation
WORKDIR /srv/reautomation
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN mkdir -p var && chown reautomation var
USER reautomation
ENV PYTHONUNBUFFERED=1 VAR_DIR=/srv/reautomation/var LOG_FORMAT=json
CMD ["uvicorn", "reautomation.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]
