"""The routes of the page: JSON in and out, events, files. What they do is in the other files."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

import phonoscope
from phonoscope.errors import InputNotFoundError, PhonoscopeError, UsageError
from phonoscope.studio import files, guard
from phonoscope.studio.jobs import Jobs
from phonoscope.studio.limits import Limits

STATIC = Path(__file__).parent / "static"
_TEXTS = ("fps", "band", "shutter", "line_delay", "readout", "direction", "enhance", "mains")
_NUMBERS = ("start", "duration")
_LISTENING = ("band", "region", "enhance", "mains")
_LARGEST_JSON = 1 << 20
_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class Guard:
    """Lets only those requests pass that `guard.refusal` has nothing against."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refused = guard.refusal(request.method, request.url.path, request.headers, self._token)
        if refused is not None:
            status, sentence = refused
            answer = JSONResponse({"error": sentence}, status, headers=guard.HEADERS)
            await answer(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(k.lower().encode(), v.encode()) for k, v in guard.HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        await self._app(scope, receive, with_headers)


def make_app(
    folders: tuple[Path, ...], data: Path, *, token: str | None = None, limits: Limits | None = None
) -> Starlette:
    """Return the application.

    Parameters
    ----------
    folders
        Whose videos may be opened.
    data
        Folder for jobs and uploads.
    token
        Without which nothing is told, or None.
    limits
        Of the processes that open files.
    """
    limits = limits or Limits()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        jobs = Jobs(data, limits)
        app.state.jobs = jobs
        tasks = [asyncio.create_task(jobs.run()), asyncio.create_task(jobs.tidy())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.to_thread(jobs.close)
            await asyncio.gather(*tasks, return_exceptions=True)

    app = Starlette(routes=_ROUTES, lifespan=lifespan)
    app.add_middleware(Guard, token=token)
    uploads = data / "uploads"
    app.state.token, app.state.limits, app.state.uploads = token, limits, uploads
    app.state.folders = tuple(folder.resolve() for folder in folders)
    app.state.open_folders = (*app.state.folders, uploads.resolve())
    return app


def _told(endpoint: _Endpoint) -> _Endpoint:
    """Turn errors into sentences, with the status that they have in HTTP."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except files.TooLargeError as error:
            status, sentence = 413, str(error)
        except InputNotFoundError as error:
            status, sentence = 404, str(error)
        except PhonoscopeError as error:
            status, sentence = 400, str(error)
        except OSError as error:
            status, sentence = 400, f"{error.strerror or error}."
        return JSONResponse({"error": sentence}, status)

    return answered


# --- the page ---------------------------------------------------------------------------------


async def index(request: Request) -> Response:
    token, given = request.app.state.token, request.query_params.get("token")
    if given is not None:
        answer = RedirectResponse("/", 303)
        if token is not None and guard.same(given, token):
            answer.set_cookie(guard.COOKIE, token, httponly=True, samesite="strict")
        return answer
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@_told
async def config(request: Request) -> Response:
    state = request.app.state
    return JSONResponse({
        "version": phonoscope.__version__,
        "folders": [{"name": f.name or str(f), "path": str(f)} for f in state.folders],
        "upload_limit_bytes": state.limits.upload_bytes,
    })  # fmt: skip


# --- files ------------------------------------------------------------------------------------


@_told
async def list_files(request: Request) -> Response:
    folders: tuple[Path, ...] = request.app.state.folders
    path = request.query_params.get("path")
    if path is None:
        entries: list[dict[str, Any]] = [
            {"name": f.name or str(f), "path": str(f), "kind": "folder", "bytes": 0,
             "modified": f.stat().st_mtime}
            for f in folders
        ]  # fmt: skip
        return JSONResponse({"path": None, "parent": None, "entries": entries})
    folder = guard.allowed(path, folders)
    if not folder.is_dir():
        raise UsageError(f"{path} is a file; choose a folder.")
    parent = None if folder in folders else str(folder.parent)
    entries = await asyncio.to_thread(files.listed, folder)
    return JSONResponse({"path": str(folder), "parent": parent, "entries": entries})


@_told
async def upload(request: Request) -> Response:
    state, name = request.app.state, request.query_params.get("name", "")
    most = state.limits.upload_bytes
    if int(request.headers.get("content-length") or 0) > most:
        raise files.TooLargeError(
            f"{name} is larger than the {most / 1e9:.3g} GB that may be sent; put it into a "
            "folder of the studio and open it there."
        )
    path = await files.received(name, request.stream(), state.uploads, most)
    return JSONResponse({"path": str(path.resolve())}, 201)


@_told
async def facts(request: Request) -> Response:
    return JSONResponse(await _jobs(request).look("facts", path=_video(request)))


@_told
async def picture(request: Request) -> Response:
    image = await _jobs(request).look("picture", path=_video(request))
    return Response(image, media_type="image/jpeg", headers={"Cache-Control": "no-cache"})


@_told
async def inspect(request: Request) -> Response:
    body = await _body(request)
    path, settings = _allowed(request, body.get("path")), _settings(body.get("settings"))
    return JSONResponse(await _jobs(request).look("inspection", path=path, settings=settings))


# --- jobs -------------------------------------------------------------------------------------


@_told
async def jobs_(request: Request) -> Response:
    jobs = _jobs(request)
    if request.method == "POST":
        body = await _body(request)
        path, settings = _allowed(request, body.get("path")), _settings(body.get("settings"))
        return JSONResponse(jobs.add(path, settings).record(), 201)
    return JSONResponse({"jobs": [job.record() for job in jobs.all()]})


@_told
async def job(request: Request) -> Response:
    jobs, name = _jobs(request), request.path_params["job"]
    if request.method == "DELETE":
        await jobs.remove(jobs.get(name).id)
        return Response(status_code=204)
    return JSONResponse(jobs.get(name).record())


@_told
async def cancel(request: Request) -> Response:
    return JSONResponse(_jobs(request).cancel(request.path_params["job"]).record())


@_told
async def restart(request: Request) -> Response:
    return JSONResponse((await _jobs(request).restart(request.path_params["job"])).record())


@_told
async def listen(request: Request) -> Response:
    wanted = _settings(await _body(request), _LISTENING)
    return JSONResponse(await _jobs(request).listen(request.path_params["job"], wanted))


@_told
async def sound(request: Request) -> Response:
    jobs, names = _jobs(request), request.path_params
    file = names["file"]
    if file == "spectrogram.png":
        folder = await jobs.made(names["job"], names["listening"], "spectrogram")
    elif file in ("measured.wav", "enhanced.wav"):
        folder = jobs.listening_folder(names["job"], names["listening"])
    else:
        raise InputNotFoundError(f"there is no {file} here.")
    path = folder / file
    if not path.exists():
        raise InputNotFoundError(f"this sound has no {file}; enhance it first.")
    stem = Path(jobs.get(names["job"]).name).stem
    named = f"{stem}.{file}" if "download" in request.query_params else None
    return FileResponse(path, filename=named, headers={"Cache-Control": "no-cache"})


@_told
async def report(request: Request) -> Response:
    jobs, name = _jobs(request), request.path_params["job"]
    folder = await jobs.made(name, request.query_params.get("listening", "1"), "report")
    stem = Path(jobs.get(name).name).stem
    return FileResponse(folder / "report" / "report.html", filename=f"{stem}.report.html")


@_told
async def frame(request: Request) -> Response:
    jobs = _jobs(request)
    one = jobs.get(request.path_params["job"])
    try:
        at = max(0.0, float(request.query_params.get("t", "0")))
    except ValueError:
        raise UsageError("t is no time in seconds; give one, such as 1.5.") from None
    path = _allowed(request, one.path)
    if one.listening is not None and one.done:  # at the very end the last frame is shown
        at = min(at, one.listening["duration_s"] * (one.done - 1.5) / one.done)
    at += float(one.settings.get("start") or 0)
    image = await jobs.look("picture", path=path, at_s=at, fps=one.settings.get("fps"))
    return Response(image, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


async def events(request: Request) -> Response:
    async def told() -> AsyncIterator[str]:
        yield ": the jobs, as they change\n\n"
        async for one in _jobs(request).events():
            yield f"event: job\ndata: {json.dumps(one.record())}\n\n"

    return StreamingResponse(
        told(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


_JOB = "/api/jobs/{job}"
_ROUTES = [
    Route("/", index),
    Mount("/static", StaticFiles(directory=STATIC)),
    Route("/api/config", config),
    Route("/api/files", list_files),
    Route("/api/uploads", upload, methods=["PUT"]),
    Route("/api/facts", facts),
    Route("/api/picture", picture),
    Route("/api/inspections", inspect, methods=["POST"]),
    Route("/api/events", events),
    Route("/api/jobs", jobs_, methods=["GET", "POST"]),
    Route(_JOB, job, methods=["GET", "DELETE"]),
    Route(f"{_JOB}/cancel", cancel, methods=["POST"]),
    Route(f"{_JOB}/restart", restart, methods=["POST"]),
    Route(f"{_JOB}/listen", listen, methods=["POST"]),
    Route(f"{_JOB}/listenings/{{listening}}/{{file}}", sound),
    Route(f"{_JOB}/report", report),
    Route(f"{_JOB}/frame", frame),
]


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _video(request: Request) -> str:
    return _allowed(request, request.query_params.get("path"))


def _allowed(request: Request, path: Any) -> str:
    if not isinstance(path, str) or not path:
        raise UsageError("no video was named; choose one.")
    return str(guard.allowed(path, request.app.state.open_folders))


async def _body(request: Request) -> dict[str, Any]:
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > _LARGEST_JSON:
            raise UsageError("the request is too long; reload the page and try again.")
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError("the request is not JSON; reload the page and try again.")
    return found


def _settings(given: Any, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return those settings that are known, if they are of the right kind."""
    if not isinstance(given, dict):
        raise UsageError("the settings are missing; reload the page and try again.")
    result: dict[str, Any] = {}
    for name, value in given.items():
        kinds = str if name in _TEXTS else int | float if name in _NUMBERS else list
        if name not in (*_TEXTS, *_NUMBERS, "region") or (names and name not in names):
            continue
        good = value is None or (isinstance(value, kinds) and not isinstance(value, bool))
        if good and isinstance(value, list):
            good = all(isinstance(part, str) for part in value)
        if not good:
            raise UsageError(f"{name} {value!r} is not understood; change it and try again.")
        result[name] = value
    return result
