// What a person does with the page, one scene per call: node scenes.mjs SCENE '{"url":…}'
//
// A scene that fails throws, and the process ends with 1. Servers, books and targets are made by the Rust
// tests that call it (tests/tests/browser).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { LOOKS, PATIENCE, clean, launch, open, picture, top } from "./browser.mjs";

const scenes = { progress, looks, scan, lost, keyboard, hostile, refused, retried, token, lag };

/** Uploads a book, whose job begins; says its id. */
async function upload(context, url, file) {
  const book = { name: "book.pdf", mimeType: "application/pdf", buffer: readFileSync(file) };
  const started = await context.request.post(`${url}/api/books/upload`, { multipart: { file: book } });
  assert.equal(started.status(), 202, await started.text());
  return (await started.json()).book_id;
}

/** The bars and the grid of a running job move in the page, which is never loaded again. */
async function progress(browser, { url, file }) {
  const view = await open(browser, "desktop");
  const { page, context } = view;
  const book = await upload(context, url, file);
  await page.goto(`${url}/books/${book}`);
  await page.evaluate(() => {
    window.loadedOnce = true;
    window.seen = [];
    const note = () => {
      const bar = document.querySelector('[data-stage="ocr"] progress');
      const cells = document.querySelectorAll('[data-page]:is([data-state="read"], [data-state="empty"])');
      const now = { done: bar.value, total: bar.max, cells: cells.length };
      const last = window.seen.at(-1);
      if (last?.done !== now.done || last?.cells !== now.cells) window.seen.push(now);
    };
    note();
    const attributeFilter = ["value", "data-state"];
    const what = { subtree: true, childList: true, attributes: true, attributeFilter };
    new MutationObserver(note).observe(document.getElementById("main"), what);
  });
  await page.waitForFunction(() => window.seen.at(-1).done > window.seen.at(-1).total / 3);
  await picture(page, "progress");
  await page.waitForSelector('#about .badge[data-state="complete"]');
  await page.waitForSelector('[data-stage="structure"][data-state="complete"]');
  await page.waitForSelector("#chapters tbody tr");
  await page.waitForSelector("#contents li a");
  const total = await page.locator("[data-page]").count();
  await page.waitForFunction((total) => window.seen.at(-1).cells === total, total);

  const seen = await page.evaluate(() => window.seen);
  const moving = seen.filter(({ done }) => done > 0 && done < total);
  assert.ok(new Set(moving.map(({ done }) => done)).size >= 3, `the bar moves: ${JSON.stringify(seen)}`);
  const filling = seen.filter(({ cells }) => cells > 0 && cells < total);
  assert.ok(new Set(filling.map(({ cells }) => cells)).size >= 3, `the grid fills: ${JSON.stringify(seen)}`);
  const steps = seen.slice(1).map((now, index) => [seen[index], now]);
  for (const [before, now] of steps) {
    const forth = before.done <= now.done && before.cells <= now.cells;
    assert.ok(forth, `nothing goes back: ${JSON.stringify(seen)}`);
  }
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  await clean(view);
}

/** Every page of the site in every look; what it shows does not depend on scripts. */
async function looks(browser, { url, book, title, chapter }) {
  const texts = new Map();
  for (const look of Object.keys(LOOKS)) {
    const view = await open(browser, look);
    const { page } = view;
    const go = async (name, where) => {
      await page.goto(url + where);
      await picture(page, `${look}-${name}`);
      await clean(view);
      if (look === "desktop") texts.set(name, await page.locator("h1, h2").allInnerTexts());
      else assert.deepEqual(await page.locator("h1, h2").allInnerTexts(), texts.get(name), `${look} ${name}`);
    };
    await go("books", "/");
    assert.ok((await page.locator(".books").innerText()).includes(title));
    await page.getByRole("link", { name: title }).first().click();
    assert.equal(new URL(page.url()).pathname, `/books/${book}`);
    await go("book", `/books/${book}`);
    if (look === "desktop") await top(page, "manual-book", 1500);
    for (const id of ["contents", "chapters", "costs", "copies"]) {
      assert.ok((await page.locator(`#${id} :is(li, tr)`).count()) > 0, `${look}: ${id} is empty`);
    }
    // From the table of contents to the page, where the entry's title stands.
    const entry = page.locator("#contents li a").filter({ hasText: chapter }).first();
    await entry.click();
    assert.ok((await page.locator("article.text").innerText()).includes(chapter), `${look}: ${page.url()}`);
    await go("page", new URL(page.url()).pathname);
    await page.goto(`${url}/books/${book}`);
    await page.locator("#chapters a").filter({ hasText: chapter }).first().click();
    assert.ok((await page.locator("article.text p").count()) > 0);
    await go("chapter", new URL(page.url()).pathname);
    await go("targets", "/targets");
    assert.ok((await page.locator("[data-target]").count()) >= 2);
    await contrast(page, LOOKS[look].colorScheme);
    await view.context.close();
  }
}

/** The ground is as dark as it was asked for, and what is written on it can be read. */
async function contrast(page, scheme) {
  const [ground, ...inks] = await page.evaluate(() => {
    const luminance = (colour) => {
      const part = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      const [red, green, blue] = colour.match(/[\d.]+/g).map((value) => part(Number(value) / 255));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = luminance(getComputedStyle(document.body).backgroundColor);
    const inks = ["body", "a", "th, dt, .by, .empty", ".badge"].map((what) => document.querySelector(what));
    return [ground, ...inks.filter(Boolean).map((element) => luminance(getComputedStyle(element).color))];
  });
  assert.equal(ground < 0.2, scheme === "dark", `the ground has luminance ${ground}`);
  for (const ink of inks) {
    const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    assert.ok(ratio >= 4.5, `a contrast of ${ratio.toFixed(2)}`);
  }
}

/** The image of a scanned page stands beside its text, on a phone below it; the word that is doubtful is marked. */
async function scan(browser, { url, book, doubtful }) {
  for (const look of ["desktop", "phone-dark", "no-script"]) {
    const view = await open(browser, look);
    const { page } = view;
    await page.goto(`${url}/books/${book}/pages/1`);
    const image = page.locator("figure.page img");
    await image.scrollIntoViewIfNeeded();
    // It is asked for when it comes into view.
    await image.evaluate((image) => image.complete || new Promise((done) => image.addEventListener("load", done)));
    const [shown, text] = [await image.boundingBox(), await page.locator("article.text").first().boundingBox()];
    const pixels = await image.evaluate(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight]);
    assert.ok(pixels[0] > 300 && pixels[1] > pixels[0], `the page itself: ${pixels}`);
    assert.match(await image.getAttribute("alt"), /^Page 1 of /);
    const stretched = Math.abs(shown.height / shown.width / (pixels[1] / pixels[0]) - 1);
    assert.ok(stretched < 0.02 && shown.width > 300, `${JSON.stringify(shown)} of ${pixels}`);
    const isPhone = LOOKS[look].viewport.width < 400;
    const others = await page.getByRole("heading", { name: "What each provider read" }).boundingBox();
    assert.ok(others.y > shown.y + shown.height, `${look}: what others read is behind it`);
    if (isPhone) assert.ok(shown.y >= text.y + text.height, `${look}: below the text`);
    else assert.ok(shown.x >= text.x + text.width && shown.y < text.y + text.height, `${look}: beside it`);
    const mark = page.locator("article.text mark");
    assert.deepEqual(await mark.allInnerTexts(), [doubtful]);
    assert.match(await mark.getAttribute("title"), /^read with [0-5]\d? % certainty$/);
    const colours = await mark.evaluate((mark) => {
      const { backgroundColor, color } = getComputedStyle(mark);
      return [backgroundColor, color];
    });
    readable(...colours);
    await picture(page, `${look}-scan`);
    await clean(view);
    await view.context.close();
  }
}

/** Whether what is written in one colour on the other can be read. */
function readable(ground, ink) {
  const part = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).map((value) => part(Number(value) / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [a, b] = [luminance(ground), luminance(ink)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  assert.ok(ratio >= 4.5, `a contrast of ${ratio.toFixed(2)}`);
}

/** What is not there is told on a page; programs get problem details. */
async function lost(browser, { url, book }) {
  const { context, page } = await open(browser, "desktop");
  const places = {
    "/books/none": "Unknown book",
    [`/books/${book}/pages/9999`]: "Unknown page",
    "/x": "Not found",
  };
  for (const [where, title] of Object.entries(places)) {
    const answer = await page.goto(url + where);
    assert.equal(answer.status(), 404);
    assert.equal(await page.locator("h1").innerText(), title);
    const problem = await context.request.get(url + where, { headers: { accept: "*/*" } });
    assert.equal(problem.headers()["content-type"], "application/problem+json");
  }
  await picture(page, "lost");
  const api = await page.goto(`${url}/api/books/none`);
  assert.equal(api.headers()["content-type"], "application/problem+json");
}

/** All of it with the keyboard alone. */
async function keyboard(browser, { url, book }) {
  const view = await open(browser, "desktop");
  const { page } = view;
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  const press = async (key) => {
    await page.keyboard.press(key);
    const outline = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement.matches("body, main") || style.outlineStyle !== "none";
    });
    assert.ok(outline, "where the focus is can be seen");
  };
  await page.goto(`${url}/books/${book}`);
  assert.equal(await page.locator('[data-page]:not([tabindex="-1"])').count(), 1, "the grid is one stop");
  await press("Tab");
  assert.equal(await focused(), "Skip to the content");
  assert.ok(await page.locator(".skip").first().isVisible());
  await picture(page, "keyboard-skip");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "main");
  for (let stops = 0; (await focused()) !== "1"; stops += 1) {
    assert.ok(stops < 20, "the grid is reached");
    await press("Tab");
  }
  const row = await page.evaluate(() => {
    const tops = [...document.querySelectorAll("[data-page]")].map((cell) => cell.offsetTop);
    return tops.findIndex((top) => top > tops[0]);
  });
  for (const [key, number] of [["ArrowRight", 2], ["ArrowDown", 2 + row], ["ArrowUp", 2], ["Home", 1]]) {
    await press(key);
    assert.equal(await focused(), String(number), key);
  }
  await press("ArrowRight");
  await picture(page, "keyboard-grid");
  await press("Tab");
  const inside = await page.evaluate(() => document.activeElement.closest("[data-pages]") !== null);
  assert.ok(!inside, "the grid is one stop");
  await press("Shift+Tab");
  assert.equal(await focused(), "2", "the grid knows where one was");
  await Promise.all([page.waitForURL(`**/books/${book}/pages/2`), page.keyboard.press("Enter")]);
  await clean(view);
}

/** What a book calls itself is text, wherever it stands. */
async function hostile(browser, { url, book, title, chapter }) {
  const view = await open(browser, "desktop");
  const { page } = view;
  const answer = await page.goto(url);
  const policy = answer.headers()["content-security-policy"];
  assert.ok(policy.startsWith("default-src 'none'") && !policy.includes("unsafe"), policy);
  await page.getByRole("link", { name: title, exact: true }).click();
  assert.equal(await page.locator("h1").innerText(), title);
  assert.ok((await page.title()).startsWith(title));
  const entry = page.locator("#chapters a").filter({ hasText: chapter });
  await picture(page, "hostile");
  await entry.first().click();
  assert.ok((await page.locator("h1").innerText()).endsWith(chapter));
  for (const where of ["/", `/books/${book}`, page.url().slice(url.length), `/books/${book}/pages/1`]) {
    await page.goto(url + where);
    const foreign = page.locator("main :is(script, img, iframe, style), main [onerror], main [onload]");
    assert.equal(await foreign.count(), 0, where);
  }
  await clean(view);
}

/** A refused document is shown, and a retry that is refused again says so; with and without script. */
async function refused(browser, { url, document, reason }) {
  for (const look of ["no-script", "phone"]) {
    const view = await open(browser, look);
    const { page } = view;
    await page.goto(`${url}/targets`);
    const row = page.locator(".parked li");
    assert.equal(await row.count(), 1);
    const text = await row.innerText();
    assert.ok(text.includes(document) && text.includes(reason), text);
    await picture(page, `refused-${look}`);
    await Promise.all([page.waitForURL("**/targets?tried=*"), row.getByRole("button").click()]);
    assert.equal(await page.locator(".notice").innerText(), "1 document tried again, 1 still refused.");
    assert.equal(await page.locator(".parked li").count(), 1);
    await clean(view);
    await view.context.close();
  }
}

/** A retry that goes through. */
async function retried(browser, { url }) {
  const view = await open(browser, "dark");
  const { page } = view;
  await page.goto(`${url}/targets`);
  await picture(page, "retry-before");
  await page.locator(".parked").getByRole("button").focus();
  await Promise.all([page.waitForURL("**/targets?tried=1&left=0*"), page.keyboard.press("Enter")]);
  const notice = await page.locator(".notice").innerText();
  assert.equal(notice, "1 document tried again, nothing is refused any more.");
  assert.equal(await page.locator(".parked li").count(), 0);
  await picture(page, "retry-after");
  await clean(view);
}

/** The way in when the server has tokens. */
async function token(browser, { url, book, full, read }) {
  const view = await open(browser, "desktop");
  const { context, page, wrong } = view;
  await page.goto(`${url}/books/${book}`);
  assert.equal(new URL(page.url()).pathname, "/login");
  await picture(page, "login");
  await clean(view);
  await enter(page, "not-a-token-of-this-server");
  assert.ok(await page.getByRole("alert").isVisible());
  await picture(page, "login-wrong");
  assert.ok(wrong.length > 0 && wrong.every((line) => line.includes("401")), wrong.join("; "));
  wrong.length = 0;

  await enter(page, full);
  assert.equal(new URL(page.url()).pathname, "/");
  const [cookie] = await context.cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  assert.equal(await page.evaluate(() => document.cookie), "");
  await page.goto(`${url}/books/${book}`);
  await page.waitForFunction(() => document.getElementById("live").textContent === "live");
  await clean(view);
  // Who loses the token while looking is asked for it again.
  await context.clearCookies();
  await page.waitForURL("**/login");
  await context.close();

  // Who may only read is told so when he wants more.
  const reader = await open(browser, "no-script");
  await reader.page.goto(`${url}/login`);
  await enter(reader.page, read);
  await reader.page.goto(`${url}/targets`);
  await clean(reader);
  const headers = { accept: "text/html" };
  const refusal = await reader.context.request.post(`${url}/targets/local/retry`, { headers, form: {} });
  assert.equal(refusal.status(), 403);
  assert.ok((await refusal.text()).includes("This token may only read."));
  await reader.page.goto(`${url}/login`);
  await press(reader.page, "Forget");
  await reader.page.goto(`${url}/targets`);
  assert.equal(new URL(reader.page.url()).pathname, "/login");
}

async function enter(page, token) {
  await page.getByLabel("Token").fill(token);
  await press(page, "Go in");
}

/** Presses a button that leads elsewhere. */
async function press(page, name) {
  await Promise.all([page.waitForNavigation(), page.getByRole("button", { name }).click()]);
}

/** The chart follows the lag of a target that is away, up and down. */
async function lag(browser, { url, file, stage }) {
  const view = await open(browser, "desktop");
  const { page, context } = view;
  await page.goto(`${url}/targets`);
  await upload(context, url, file);
  const line = '[data-target="mirror"] .line';
  await page.waitForFunction(
    () => Number(document.querySelector('[data-target="mirror"] [data-lag-commits]').textContent) > 50,
  );
  await page.waitForFunction((line) => {
    const points = document.querySelector(line).getAttribute("d") ?? "";
    return points.split("L").length > 5;
  }, line);
  const label = await page.locator('[data-target="mirror"] svg').getAttribute("aria-label");
  assert.match(label, /^Lag of mirror: now \d+ commits/);
  assert.equal(await page.locator("#live").innerText(), "live");
  await picture(page, "lag-away");
  // The Rust side brings the mirror back when it sees this line.
  console.log(stage);
  await page.waitForFunction(
    () => document.querySelector('[data-target="mirror"] [data-lag-commits]').textContent === "0",
  );
  await page.waitForSelector('[data-target="mirror"] [data-state="healthy"]');
  const points = (await page.locator(line).getAttribute("d")).slice(1).split("L");
  const all = points.map((point) => Number(point.split(",")[1]));
  assert.ok(Math.max(...all) - Math.min(...all) > 40, `from the top to the bottom: ${all}`);
  assert.equal(all.at(-1), Math.max(...all), "the lag is gone");
  await picture(page, "lag-caught-up");
  await clean(view);
}

const [name, argument] = process.argv.slice(2);
const browser = await launch();
const watchdog = setTimeout(() => {
  console.error(`${name} takes too long`);
  process.exit(1);
}, 2 * PATIENCE);
try {
  await scenes[name](browser, JSON.parse(argument));
} finally {
  clearTimeout(watchdog);
  await browser.close();
}
