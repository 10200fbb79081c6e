"""The page in a real browser: from choosing a video to hearing it, and back after a restart."""

import re
import time

import numpy as np
import pytest

import phonoscope as ph

from .conftest import BAND_HZ, FORK, SIZE

pytestmark = pytest.mark.slow

# A player may dither or resample; what it plays is the same within that.
DECODED_TOLERANCE = 1e-4
PLAYED_CORRELATION = 0.99
# Recording is in real time: a loaded machine drops some of what it plays.
PIECE = 1024  # samples; a recording is handed over in several of them
LEAST_HEARD = 0.3  # of the sound
PATIENCE_S = 120
FORK_HZ, FORK_TOLERANCE_HZ = 64, 4
LEAST_CONTRAST = 4.5  # of text: WCAG 2.2, level AA

# Brightness of the spectrogram, averaged over time: from the lowest frequency up.
SPECTRUM = """() => {
  const canvas = document.querySelector('.spectrogram canvas');
  const area = document.querySelector('.spectrogram .area');
  const [width, height] = [area.clientWidth, area.clientHeight];
  const left = canvas.clientWidth - width;
  const { data } = canvas.getContext('2d').getImageData(left + 4, 0, width - 8, height);
  return Array.from({ length: height }, (_, y) => {
    let sum = 0;
    for (let x = 0; x < width - 8; x += 1) {
      const at = 4 * (y * (width - 8) + x);
      sum += data[at] + data[at + 1] + data[at + 2];
    }
    return sum / (width - 8);
  }).reverse();
}"""

DECODE = """async (url) => {
  const bytes = await (await fetch(url)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
  return Array.from(sound.getChannelData(0));
}"""

RECORD = """() => new Promise((resolve) => {
  const audio = document.querySelector('audio.current');
  const context = new AudioContext({ sampleRate: 48000 });
  const tap = context.createScriptProcessor(4096, 1, 1);
  const heard = [];
  tap.onaudioprocess = (event) => heard.push(...event.inputBuffer.getChannelData(0));
  context.createMediaElementSource(audio).connect(tap);
  tap.connect(context.destination);
  audio.currentTime = 0;
  audio.addEventListener('ended', () => setTimeout(() => resolve(heard), 300), { once: true });
  context.resume().then(() => audio.play());
})"""


def choose(page, name):
    page.goto(page.url.split("#")[0] + "#/open")
    folder = "video" if name == FORK.name else None
    links = page.locator("tr.folder a")
    links.first.wait_for()
    (links.filter(has_text=re.compile(rf"^\W*{folder}\b")) if folder else links).first.click()
    page.locator("tr.video a", has_text=name).click()
    page.locator("dl.facts").first.wait_for()


def recover(page):
    page.get_by_role("button", name="Recover the sound").click()
    page.locator(".columns.running").wait_for()


def wait_for_result(page):
    page.locator("[data-listening]").wait_for(timeout=300_000)
    return shown(page)


def shown(page):
    return page.locator("[data-listening]").get_attribute("data-listening")


def wait_for_another(page, before):
    wait_until(page, f"document.querySelector('[data-listening]').dataset.listening !== '{before}'")


def wait_until(page, what):
    """Wait for an expression to be true; Playwright's own way is an eval, which pages forbid."""
    give_up = time.monotonic() + PATIENCE_S
    while not page.evaluate(what):
        assert time.monotonic() < give_up, what
        page.wait_for_timeout(30)


def audio(page, what):
    return page.evaluate(f"document.querySelector('audio.current').{what}")


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def highest_hz(page):
    label = page.locator(".spectrogram canvas").get_attribute("aria-label")
    return float(re.search(r"0 to ([\d,.]+) Hz", label)[1].replace(",", ""))


def brightness(page):
    page.wait_for_timeout(200)  # it is drawn with the next frame of the screen
    levels = np.array(page.evaluate(SPECTRUM))
    assert levels.std() > 0
    return np.linspace(0, highest_hz(page), len(levels)), levels


def assert_it_fits(page):
    wide = page.evaluate(
        "[document.documentElement.scrollWidth, main.scrollWidth - main.clientWidth]"
    )
    assert wide[0] <= SIZE["width"]
    assert wide[1] <= 0
    assert page.evaluate("main.scrollHeight - main.clientHeight") <= 0


def saved(page, what, tmp_path):
    with page.expect_download() as found:
        page.locator(f"[data-download={what}]").click()
    path = tmp_path / f"{what}{'.html' if what == 'report' else '.wav'}"
    found.value.save_as(path)
    return path


def test_a_clip_is_opened_recovered_heard_and_heard_otherwise(page, picture, tmp_path):
    picture("open")
    choose(page, "foil.mkv")
    page.locator(".legend .ramp").wait_for()
    picture("setup")
    page.get_by_label("Enhance for listening").select_option("general")
    frame = page.locator(".frame").bounding_box()
    corner = frame["x"] + 40, frame["y"] + 40
    drag(page, corner, (corner[0] + frame["width"] / 2, corner[1] + frame["height"] / 2))
    assert page.get_by_label("region 1: width in pixels").input_value() == "80"
    picture("setup-region")
    page.get_by_role("button", name="Clear").click()
    recover(page)
    picture("running")
    first = wait_for_result(page)
    assert "heard" in page.locator(".verdict").get_attribute("class")
    assert_it_fits(page)
    picture("result")

    hz, levels = brightness(page)
    within = levels[(hz > 1.2 * BAND_HZ[0]) & (hz < 0.95 * BAND_HZ[1])].mean()
    assert within > 3 * levels[hz > 1.2 * BAND_HZ[1]].mean()

    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('audio.current').currentTime > 0.1")
    before = audio(page, "currentTime")
    page.keyboard.press("b")
    wait_until(page, "document.querySelector('[data-version=enhanced]').ariaPressed === 'true'")
    assert audio(page, "currentTime") >= before
    picture("enhanced")
    page.keyboard.press("a")

    # Another band, drawn on the axis: only that is heard and shown.
    axis = page.locator(".axis").bounding_box()
    top = highest_hz(page)
    at = lambda f: (axis["x"] + 20, axis["y"] + axis["height"] * (1 - f / top))  # noqa: E731
    drag(page, at(200), at(400))
    wait_for_another(page, first)
    second = shown(page)
    low, high = (
        float(page.get_by_label(f"{end} frequency, Hz").input_value())
        for end in ("Lowest", "Highest")
    )
    assert [low, high] == pytest.approx([200, 400], abs=0.02 * top)
    hz, levels = brightness(page)
    within = levels[(hz > 1.1 * low) & (hz < 0.9 * high)].mean()
    assert within > 3 * levels[(hz > 1.5 * high) | (hz < 0.5 * low)].mean()
    picture("band")

    # Another part of the picture, drawn on it.
    frame = page.locator(".frame").bounding_box()
    drag(
        page,
        (frame["x"] + 2, frame["y"] + 2),
        (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2),
    )
    wait_for_another(page, second)
    assert page.get_by_label("region 1: x in pixels").input_value() in ("0", "1", "2", "3")
    picture("region")

    third = shown(page)
    page.get_by_role("button", name="As at first").click()
    wait_for_another(page, third)
    sound, rate, _ = ph.read_audio(saved(page, "measured", tmp_path))
    assert rate == 48000
    url = page.locator("[data-download=measured]").get_attribute("href").split("?")[0]
    decoded = np.array(page.evaluate(DECODE, url))
    assert np.abs(decoded - np.squeeze(sound)).max() < DECODED_TOLERANCE
    heard, alike = played_alike(np.array(page.evaluate(RECORD)), np.squeeze(sound))
    assert heard > LEAST_HEARD
    assert alike > PLAYED_CORRELATION
    assert "<html" in saved(page, "report", tmp_path).read_text("utf-8")[:500]


def played_alike(played, sound):
    """Return how much of the sound was heard, and the correlation with it of what was.

    Pieces are found in the sound one by one, wherever they are; the median counts.
    """
    pieces = played[: len(played) // PIECE * PIECE].reshape(-1, PIECE)
    loud = (pieces**2).mean(axis=1) > 0.05 * (sound**2).mean()
    power = np.convolve(sound**2, np.ones(PIECE), "valid") + 1e-9
    found = [
        (np.correlate(sound, piece, "valid") / np.sqrt(power * (piece**2).sum())).max()
        for piece in pieces[loud]
    ]
    return loud.sum() * PIECE / len(sound), np.median(found)


@pytest.mark.skipif(not FORK.exists(), reason="the shared recordings are not here")
def test_a_recording_is_opened_recovered_and_heard(page, picture):
    choose(page, FORK.name)
    page.get_by_label("Capture rate, frames/s").fill("500")
    page.get_by_text("Range and hum").click()
    page.get_by_label("Take, s").fill("1")
    page.keyboard.press("Tab")
    page.wait_for_timeout(700)  # after a change it waits a little before it looks again
    page.locator(".legend .ramp").wait_for()
    picture("recording-setup")
    recover(page)
    first = wait_for_result(page)
    picture("recording")
    hz, levels = brightness(page)
    assert hz[levels.argmax()] == pytest.approx(FORK_HZ, abs=FORK_TOLERANCE_HZ)
    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('audio.current').currentTime > 0.2")
    page.get_by_label("Lowest frequency, Hz").fill("100")
    page.get_by_role("button", name="Hear it").click()
    wait_for_another(page, first)
    hz, levels = brightness(page)
    assert hz[levels.argmax()] > 100 - FORK_TOLERANCE_HZ


def test_silence_is_said_plainly(page, picture):
    choose(page, "still.mkv")
    recover(page)
    wait_for_result(page)
    assert "silent" in page.locator(".verdict").get_attribute("class")
    assert page.locator(".jobs .state").first.inner_text().startswith("nothing heard")
    assert page.get_by_text("the noise that is left, made loud").is_visible()
    picture("silence")


def test_a_job_is_cancelled_restarted_deleted_and_outlives_the_server(page, picture, studio):
    choose(page, "foil.mkv")
    recover(page)
    job = page.url.split("/")[-1]
    page.locator(".columns.running").get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled. Restart begins anew").wait_for()
    picture("cancelled")
    page.locator(".tools [data-action=restart]").click()
    wait_for_result(page)
    again = page.url.split("/")[-1]

    studio.stop()
    page.get_by_text("The studio does not answer").wait_for()
    picture("server-gone")
    studio.start()
    page.get_by_text("The studio does not answer").wait_for(state="hidden")
    page.reload()
    page.locator(f"[data-job='{again}'] a").click()
    wait_for_result(page)
    picture("history")

    page.on("dialog", lambda dialog: dialog.accept())
    page.locator(".tools [data-action=delete]").click()
    page.locator(f"[data-job='{again}']").wait_for(state="detached")
    if job != again:
        assert page.locator(f"[data-job='{job}']").count() == 1


def test_what_cannot_be_opened_is_said_in_a_sentence(page, picture, studio):
    choose_broken = page.locator("tr.folder a").first
    choose_broken.click()
    page.locator("tr.video a", has_text="broken.mp4").click()
    said = page.locator(".notice.bad")
    said.wait_for()
    assert "broken.mp4" in said.inner_text()
    assert "Traceback" not in said.inner_text()
    picture("broken")
    page.goto(f"{studio.url}#/open?path=/etc")
    said.wait_for()
    picture("outside")
    page.goto(f"{studio.url}#/job/nonsense")
    page.get_by_text("This recording is not there").wait_for()


def test_a_file_is_sent_and_opened(page, videos):
    page.get_by_label("Video file").set_input_files(videos / "foil.mkv")
    page.locator("dl.facts").first.wait_for()
    assert page.locator("main h2").inner_text().endswith(".mkv")


def test_a_missing_token_is_asked_for(page, picture):
    page.route(
        "**/api/config", lambda route: route.fulfill(status=401, json={"error": "no token."})
    )
    page.reload()
    page.get_by_label("Token").wait_for()
    picture("token")


def test_the_keyboard_is_enough(page, picture):
    page.locator("tr.folder a").first.focus()
    page.keyboard.press("Enter")
    page.locator("tr.video a").first.wait_for()
    page.locator("tr a").first.focus()
    while "foil.mkv" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add region").press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("region 1")
    page.get_by_role("button", name="Recover the sound").press("Enter")
    wait_for_result(page)
    page.locator("main").focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, "document.querySelector('audio.current').currentTime > 0")
    page.keyboard.press("Home")
    wait_until(page, "document.querySelector('audio.current').currentTime === 0")
    page.keyboard.press("+")
    picture("zoomed")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    picture("keys")
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert unnamed(page) == []


def unnamed(page):
    """Return what people who do not see the page could not tell apart."""
    return page.evaluate("""() => [...document.querySelectorAll('input, select, button, a')]
      .filter((each) => each.checkVisibility())
      .filter((each) => !each.labels?.length && !each.getAttribute('aria-label'))
      .filter((each) => !each.textContent.trim())
      .map((each) => each.outerHTML)""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_it_is_on(page, scheme):
    page.emulate_media(color_scheme=scheme)
    colours = page.evaluate("""() => {
      const probe = document.body.appendChild(document.createElement('span'));
      const names = ['page', 'panel', 'well', 'text', 'soft', 'accent', 'on-accent',
        'bad-tint', 'warn-tint', 'tint'];
      const found = names.map((name) => {
        probe.style.color = `var(--${name})`;
        return [name, getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number)];
      });
      return Object.fromEntries(found);
    }""")
    on = [("text", back) for back in ("page", "panel", "well", "bad-tint", "warn-tint", "tint")]
    on += [(front, back) for front in ("soft", "accent") for back in ("page", "panel", "well")]
    for front, back in [*on, ("soft", "tint"), ("on-accent", "accent")]:
        lighter, darker = sorted(
            (luminance(colours[front]), luminance(colours[back])), reverse=True
        )
        assert (lighter + 0.05) / (darker + 0.05) >= LEAST_CONTRAST, (front, back)


def luminance(rgb):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(rgb) / 255
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
