"""The queue: jobs run one after the other, each in a process of its own, and tell of it."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phonoscope.errors import InputNotFoundError, PhonoscopeError, UsageError
from phonoscope.studio.child import Child, StoppedError
from phonoscope.studio.limits import Limits
from phonoscope.studio.store import Job, Store, begun_anew

_TOLD_EVERY_S = 0.25
_LISTENINGS_KEPT = 20  # of a job; the first is always kept
_WAITING = 256  # events that a page may be behind


class Jobs:
    """All jobs, those that run among them.

    Parameters
    ----------
    data
        Folder in which jobs are kept.
    limits
        Of the processes.
    """

    def __init__(self, data: Path, limits: Limits) -> None:
        self._folder = data / "jobs"
        self._limits = limits
        self._store = Store(data / "studio.sqlite")
        self._jobs = {job.id: job for job in reversed(self._store.all())}
        self._measurer = Child(limits.memory_bytes)
        self._listener = Child(limits.memory_bytes)
        self._viewer = Child(limits.memory_bytes)
        self._more = asyncio.Event()
        self._pages: set[asyncio.Queue[Job]] = set()
        self._running: str | None = None
        for job in self._jobs.values():
            if job.state == "running":  # the server ended before it did
                self._change(begun_anew(job))
        self._more.set()

    # --- what the page asks for -----------------------------------------------------------------

    def all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.created)

    def get(self, job_id: str) -> Job:
        """Return a job; raise `InputNotFoundError` if there is none of that name."""
        if job_id not in self._jobs:
            raise InputNotFoundError("there is no such recording any more; reload the page.")
        return self._jobs[job_id]

    def add(self, path: str, settings: dict[str, Any]) -> Job:
        job = Job.new(path, settings)
        self._change(job)
        self._more.set()
        return job

    def cancel(self, job_id: str) -> Job:
        job = self.get(job_id)
        if job.state in ("queued", "running"):
            job = replace(job, state="cancelled", phase="", finished=time.time(), seconds_left=None)
            self._change(job)
            if self._running == job_id:
                self._measurer.stop()
        return job

    async def restart(self, job_id: str) -> Job:
        job = self.get(job_id)
        if job.state in ("queued", "running"):
            raise UsageError("it has not ended yet; cancel it first.")
        await self._let_go(job_id)
        self._clear(job_id)
        job = begun_anew(job)
        self._change(job)
        self._more.set()
        return job

    async def remove(self, job_id: str) -> None:
        self.cancel(job_id)
        await self._let_go(job_id)
        del self._jobs[job_id]
        self._store.remove(job_id)
        self._clear(job_id)

    async def listen(self, job_id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Listen to a measured job in another way."""
        job = self._measured(job_id)
        number = 1 + max((int(p.name) for p in self._listenings(job_id)), default=0)
        settings = {**job.settings, **wanted}
        heard = await self._listen(self._listener, job_id, number, settings)
        for old in sorted(self._listenings(job_id), key=lambda p: int(p.name))[1:-_LISTENINGS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return heard

    async def made(self, job_id: str, listening_id: str, task: str) -> Path:
        """Return the folder of a listening, once its picture or report is made."""
        self._measured(job_id)
        folder = self.listening_folder(job_id, listening_id)
        settings = _read_settings(folder)
        if not (folder / task).exists() and not (folder / f"{task}.png").exists():
            await asyncio.to_thread(
                self._listener.call, task,
                {"motion": str(self._motion(job_id)), "folder": str(folder), "settings": settings},
                self._limits.listen_s,
            )  # fmt: skip
        return folder

    def listening_folder(self, job_id: str, listening_id: str) -> Path:
        self.get(job_id)
        folder = self._folder / job_id / "listenings" / listening_id
        if not listening_id.isdigit() or not folder.is_dir():
            raise InputNotFoundError("this way of listening is not kept any more; hear it again.")
        return folder

    async def look(self, task: str, **wanted: Any) -> Any:
        """Ask for a file's facts, a picture of it, or an inspection."""
        return await asyncio.to_thread(self._viewer.call, task, wanted, self._limits.look_s)

    async def events(self) -> AsyncIterator[Job]:
        """Yield jobs as they change: at first those that are under way."""
        page: asyncio.Queue[Job] = asyncio.Queue(_WAITING)
        self._pages.add(page)
        try:
            for job in self.all():
                if job.state in ("queued", "running"):
                    yield job
            while True:
                yield await page.get()
        finally:
            self._pages.discard(page)

    # --- what goes on by itself -----------------------------------------------------------------

    async def run(self) -> None:
        """Run jobs for as long as the server lives."""
        while True:
            waiting = [job for job in self._jobs.values() if job.state == "queued"]
            if not waiting:
                self._more.clear()
                await self._more.wait()
                continue
            job = min(waiting, key=lambda each: each.created)
            self._running = job.id
            try:
                await self._do(job)
            finally:
                self._running = None

    async def tidy(self) -> None:
        """End processes that wait for nothing."""
        while True:
            await asyncio.sleep(min(5.0, self._limits.idle_s))
            for child in (self._viewer, self._listener):
                idle = child.idle_s
                if idle is not None and idle > self._limits.idle_s:
                    await asyncio.to_thread(child.rest)

    def close(self) -> None:
        """End all processes; what runs is begun anew next time."""
        for child in (self._measurer, self._listener, self._viewer):
            child.close()
        self._store.close()

    async def _do(self, job: Job) -> None:
        # One for each job: its libraries go with it, and a cancelled one never starts again.
        self._measurer = Child(self._limits.memory_bytes)
        self._clear(job.id)
        job = replace(job, state="running", phase="measuring")
        self._change(job)
        try:
            (self._folder / job.id).mkdir(parents=True, exist_ok=True)
            frames = await self._measure(job)
            if self._jobs[job.id].state != "running":
                raise StoppedError
            self._change(
                replace(job, phase="listening", done=frames, total=frames, seconds_left=None)
            )
            heard = await self._listen(self._measurer, job.id, 1, job.settings)
            state = "done" if heard["detected"] else "silent"
            self._end(job.id, state=state, listening=heard)
        except StoppedError:
            if self._jobs.get(job.id, job).state == "running":  # the server ends
                return
        except PhonoscopeError as error:
            self._end(job.id, state="failed", error=str(error))
        except OSError as error:
            self._end(job.id, state="failed", error=f"{error.strerror or error}.")
        finally:
            await asyncio.to_thread(self._measurer.close)
            if self._jobs.get(job.id, job).state in ("cancelled", "failed"):
                self._clear(job.id)

    def _end(self, job_id: str, **changes: Any) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job.state == "running":
            self._change(replace(job, phase="", seconds_left=None, finished=time.time(), **changes))

    async def _measure(self, job: Job) -> int:
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        last = [0.0, begun, 0.0]  # when the page was told, when the first frames were, and which

        def told(done: int, total: int | None) -> None:
            now = time.monotonic()
            if last[2] == 0:
                last[1], last[2] = now, done
            if now - last[0] >= _TOLD_EVERY_S or done == total:
                last[0] = now
                left = _seconds_left(done - last[2], (total or 0) - done, now - last[1])
                loop.call_soon_threadsafe(self._progressed, job.id, done, total, left)

        return await asyncio.to_thread(
            self._measurer.call, "measurement",
            {"path": job.path, "output": str(self._motion(job.id)), "settings": job.settings},
            self._limits.job_s, told,
        )  # fmt: skip

    def _progressed(self, job_id: str, done: int, total: int | None, left: float | None) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job.state == "running" and job.phase == "measuring":
            self._change(replace(job, done=done, total=total, seconds_left=left), keep=False)

    async def _listen(
        self, child: Child, job_id: str, number: int, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        folder = self._folder / job_id / "listenings" / str(number)
        motion = {"motion": str(self._motion(job_id)), "folder": str(folder)}
        try:
            heard = await asyncio.to_thread(
                child.call, "listening", {**motion, "settings": settings}, self._limits.listen_s
            )
        except PhonoscopeError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _write_settings(folder, settings)
        where = f"/api/jobs/{job_id}/listenings/{number}"
        return {
            **heard,
            "id": str(number),
            "region": list(settings.get("region") or ()),
            "sounds": {version: f"{where}/{version}.wav" for version in heard["versions"]},
            "spectrogram": f"{where}/spectrogram.png",
        }

    def _change(self, job: Job, *, keep: bool = True) -> None:
        self._jobs[job.id] = job
        if keep:
            self._store.put(job)
        for page in self._pages:
            with contextlib.suppress(asyncio.QueueFull):  # a page that sleeps asks anew
                page.put_nowait(job)

    async def _let_go(self, job_id: str) -> None:
        while self._running == job_id:
            await asyncio.sleep(0.02)

    def _measured(self, job_id: str) -> Job:
        job = self.get(job_id)
        if job.state not in ("done", "silent"):
            raise UsageError("it is not measured yet; wait until it is done.")
        return job

    def _motion(self, job_id: str) -> Path:
        return self._folder / job_id / "clip.motion"

    def _listenings(self, job_id: str) -> list[Path]:
        folder = self._folder / job_id / "listenings"
        return [path for path in folder.glob("*") if path.name.isdigit()]

    def _clear(self, job_id: str) -> None:
        shutil.rmtree(self._folder / job_id, ignore_errors=True)


def _seconds_left(done: float, left: float, passed: float) -> float | None:
    return None if done <= 0 or left < 0 or passed <= 0 else left * passed / done


def _write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    import json

    (folder / "settings.json").write_text(json.dumps(dict(settings)), "utf-8")


def _read_settings(folder: Path) -> dict[str, Any]:
    import json

    return dict(json.loads((folder / "settings.json").read_text("utf-8")))
