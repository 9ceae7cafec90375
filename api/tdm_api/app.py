"""The application: routes, guards and the state behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from tdm.version import __version__
from tdm_api import catalogue, health, recommendations
from tdm_api.capacity import Capacity
from tdm_api.examples import load_example
from tdm_api.headers import STATIC_FOLDER, HeadAsGet, OtherOrigins, SecurityHeaders
from tdm_api.keys import KeyGuard
from tdm_api.logs import RequestLog, log_fault
from tdm_api.openapi import EXAMPLE, describe
from tdm_api.page import routes as page
from tdm_api.problems import add_problem_handlers
from tdm_api.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application with these settings, or with the defaults; it reads no environment."""
    settings = settings or Settings()
    app = FastAPI(
        title="sirolimus-tdm",
        version=__version__,
        # the usual pages of documentation load their scripts from elsewhere
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.capacity = Capacity(settings.compute_threads)
    app.state.ready = False
    add_problem_handlers(app)
    for routes in (recommendations, catalogue, health):
        app.include_router(routes.router)
    app.include_router(page.router)
    app.mount(STATIC_FOLDER.rstrip("/"), StaticFiles(directory=page.STATIC))
    describe(app)
    _add_guards(app, settings)
    return app


def _add_guards(app: FastAPI, settings: Settings) -> None:
    """Add the middleware, from the innermost to the outermost."""
    app.add_middleware(HeadAsGet)
    if settings.api_key_hashes:
        app.add_middleware(KeyGuard, hashes=settings.api_key_hashes)
    if settings.cors_origins:
        app.add_middleware(OtherOrigins, origins=settings.cors_origins)
    app.add_middleware(RequestLog)
    app.add_middleware(SecurityHeaders)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Compute a first answer before the first request, so that no request pays for it, and be ready only then."""
    try:
        await app.state.capacity.run(lambda: recommendations.answer_bytes(load_example(EXAMPLE)))
        await app.state.capacity.run(app.openapi)
        app.state.ready = True
    except Exception as error:
        log_fault(error)
    yield
