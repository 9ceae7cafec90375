"""The pharmacist's page: a form, its answer and a picture, made on the server."""
