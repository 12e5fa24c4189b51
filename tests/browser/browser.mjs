// A headless Chromium for the scenes: how it looks and feels, what went wrong in it, pictures.
//
// playwright-core comes from the directory in BOOKSTATE_BROWSER (its lock file is beside this one), Chromium
// from the system. A page's console, failed requests and script errors are collected; scenes ask `clean`.

import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const { chromium } = createRequire(path.join(process.env.BOOKSTATE_BROWSER, "/"))("playwright-core");

/** How long a scene waits for what must come, in milliseconds. */
export const PATIENCE = 120_000;

function executable() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const directories = process.env.PATH.split(path.delimiter);
  const places = directories.flatMap((directory) => names.map((name) => path.join(directory, name)));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error("there is no Chromium on this machine: apt-get install chromium");
  return found;
}

export async function launch() {
  // Tests run as root in containers, where Chromium's own sandbox cannot be.
  return chromium.launch({ executablePath: executable(), chromiumSandbox: false, args: ["--disable-gpu"] });
}

const DESK = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** The ways a person may look at the page. */
export const LOOKS = {
  desktop: { ...DESK, colorScheme: "light" },
  dark: { ...DESK, colorScheme: "dark" },
  phone: { ...PHONE, colorScheme: "light" },
  "phone-dark": { ...PHONE, colorScheme: "dark" },
  "no-script": { ...DESK, colorScheme: "light", javaScriptEnabled: false },
};

/** A page in one of the looks, with everything that went wrong in it. */
export async function open(browser, look, more = {}) {
  const context = await browser.newContext({ ...LOOKS[look], ...more });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`script: ${error}`));
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("response", (response) => {
    if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`);
  });
  return { context, page, wrong };
}

/** Nothing went wrong, and nothing sticks out at the side. */
export async function clean({ page, wrong }) {
  // Not the window's width as the page sees it: a phone zooms out until everything fits.
  const { width } = page.viewportSize();
  const content = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(content <= width, `${page.url()} is ${content} wide on a screen of ${width}`);
  assert.deepEqual(wrong, [], page.url());
}

/** A picture of the whole page. */
export async function picture(page, name) {
  const file = path.join(process.env.BOOKSTATE_SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path: file, fullPage: true });
}

/** A picture of the top of the page, for the manual: docs/images is a copy of what this leaves. */
export async function top(page, name, height) {
  const file = path.join(process.env.BOOKSTATE_SCREENSHOTS, `${name}.png`);
  const { width } = page.viewportSize();
  await page.screenshot({ path: file, fullPage: true, clip: { x: 0, y: 0, width, height } });
}
