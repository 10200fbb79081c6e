// The video frame at the playhead: as many as the server and the eye can take, no more.
import { api } from "./api.js";

const PAUSE_MS = 90;

/** Returns a function to call with each new time; the last one asked for is always shown in the end. */
export function followFrames(jobId, stage) {
  let wanted = null;
  let busy = false;
  let shown = null;
  let closed = false;
  async function run() {
    busy = true;
    while (wanted !== null && !closed) {
      const time = wanted;
      wanted = null;
      const image = new Image();
      image.src = api.frameUrl(jobId, time);
      try {
        await image.decode();
        if (!closed) stage.show(image.src);
      } catch {
        if (shown === null && !closed) stage.say("The video is no longer there; the sound is.");
      }
      shown = time;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    busy = false;
  }
  return {
    at(time) {
      if (time === shown && wanted === null) return;
      wanted = time;
      if (!busy) run();
    },
    close() { closed = true; },
  };
}
