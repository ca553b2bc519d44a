// Upload: files named first, then sent in pieces. What was sent is known to the archive: after a
// broken line, a reload or a closed laptop the same files go on where they stopped.
(() => {
  "use strict";
  const form = document.getElementById("upload");
  if (!form) return;

  const PARALLEL = 3;
  const PIECE = 8 * 1024 * 1024;
  const SMALL = 1024 * 1024;
  const BUNDLE_BYTES = 6 * 1024 * 1024;
  const BUNDLE_FILES = 100;
  const NAMED_AT_ONCE = 500;
  const LONGEST_PAUSE = 20_000;
  const TYPE = "application/offset+octet-stream";
  const words = form.dataset;
  const byId = (id) => document.getElementById(id);
  const dropzone = byId("dropzone");
  const queue = [];
  const running = new Set();
  let batch = words.batch;
  let naming = 0;
  let total = 0;
  let sent = 0;
  let startedAt = 0;
  let startedWith = 0;
  let isStopped = false;
  let isBroken = false;
  let isLeaving = false;
  let problem = "";

  // ---- choosing ----------------------------------------------------------------------------
  for (const id of ["pick-files", "pick-folder"])
    byId(id).addEventListener("change", (event) => {
      const picked = [...event.target.files];
      add(picked.map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      event.target.value = "";
    });
  for (const kind of ["dragenter", "dragover"])
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      dropzone.classList.add("is-over");
    });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dropzone.classList.remove("is-over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    dropzone.classList.remove("is-over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const found = [];
    if (entries.some(Boolean)) {
      for (const entry of entries) if (entry) await walk(entry, found);
    } else
      for (const file of event.dataTransfer.files) found.push({ file, name: file.name });
    add(found);
  });

  async function walk(entry, found) {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail)).catch(() => null);
      if (file) found.push({ file, name: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = entry.createReader();
    // A reader gives a hundred at a time, until it gives none.
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail)).catch(() => []);
      if (!some.length) return;
      for (const child of some) await walk(child, found);
    }
  }

  // ---- naming ------------------------------------------------------------------------------
  async function add(items) {
    if (!items.length) return;
    naming += 1;
    isStopped = false;
    problem = "";
    byId("sending").hidden = false;
    startedAt = startedAt || Date.now();
    render();
    try {
      batch = batch || (await begin());
      for (let at = 0; at < items.length; at += NAMED_AT_ONCE)
        await name(items.slice(at, at + NAMED_AT_ONCE));
    } catch (error) {
      problem = error.message;
      isStopped = true;
    }
    naming -= 1;
    pump();
  }

  async function begin() {
    const body = { project: byId("project").value, preview: byId("wants-preview").checked };
    const { id } = await ask("POST", words.url, body);
    history.replaceState(null, "", words.page.replace("/0/", `/${id}/`));
    return id;
  }

  async function name(items) {
    const files = items.map(({ file, name }) => ({
      name,
      size: file.size,
      fingerprint: String(file.lastModified),
    }));
    const { results } = await ask("POST", `${words.url}/${batch}/files`, { files });
    results.forEach((row, number) => {
      total += row.size;
      sent += row.state === "receiving" ? row.received : row.size;
      startedWith += row.state === "receiving" ? row.received : row.size;
      if (row.state === "receiving")
        queue.push({ id: row.id, file: items[number].file, at: row.received });
    });
    pump();
  }

  async function ask(method, url, body) {
    const response = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json", "X-CSRFToken": words.token },
      body: JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.detail ?? `${response.status}`);
    return answer;
  }

  // ---- sending -----------------------------------------------------------------------------
  function nextJob() {
    const first = queue.shift();
    if (first.at > 0 || first.file.size > SMALL) return [first];
    const bundle = [first];
    let bytes = first.file.size;
    while (queue.length && bundle.length < BUNDLE_FILES) {
      const next = queue[0];
      if (next.at > 0 || next.file.size > SMALL || bytes + next.file.size > BUNDLE_BYTES) break;
      bytes += next.file.size;
      bundle.push(queue.shift());
    }
    return bundle;
  }

  function pump() {
    while (!isStopped && running.size < PARALLEL && queue.length) send(nextJob(), 0);
    render();
    if (!isStopped && !naming && !queue.length && !running.size && batch) finish();
  }

  function send(items, tries) {
    const [item] = items;
    const isBundle = items.length > 1 || (item.at === 0 && item.file.size <= SMALL);
    const body = isBundle
      ? new Blob(items.map(({ file }) => file))
      : item.file.slice(item.at, item.at + PIECE);
    const request = new XMLHttpRequest();
    const job = { request, loaded: 0 };
    running.add(job);
    request.upload.addEventListener("progress", (event) => {
      job.loaded = Math.min(event.loaded, body.size);
      render();
    });
    request.addEventListener("loadend", () => {
      running.delete(job);
      settle(items, body.size, request, tries);
    });
    const url = isBundle
      ? `${words.url}/${batch}/whole?files=${items.map(({ id }) => id).join(",")}`
      : `${words.url}/${batch}/files/${item.id}`;
    request.open(isBundle ? "POST" : "PATCH", url);
    request.setRequestHeader("Content-Type", TYPE);
    request.setRequestHeader("X-CSRFToken", words.token);
    if (!isBundle) request.setRequestHeader("Upload-Offset", String(item.at));
    request.send(body);
  }

  function settle(items, size, request, tries) {
    const { status } = request;
    const offset = Number(request.getResponseHeader("Upload-Offset") ?? NaN);
    if (status === 200 || status === 204) {
      isBroken = false;
      sent += size;
      if (status === 204) {
        items[0].at = offset;
        if (offset < items[0].file.size) queue.unshift(items[0]);
      }
    } else if (isStopped) queue.unshift(...items);
    else if (status === 409 && offset >= 0) {
      // The archive has more, or less, than this page thinks.
      sent += offset - items[0].at;
      items[0].at = offset;
      if (offset < items[0].file.size) queue.unshift(items[0]);
    } else if (status === 0 || status === 423 || status === 429 || status >= 500) {
      isBroken = true;
      const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** tries);
      const waiting = { request: { abort: () => {} }, loaded: 0 };
      running.add(waiting);
      setTimeout(async () => {
        running.delete(waiting);
        for (const one of items) await catchUp(one);
        const left = items.filter((one) => one.at < one.file.size);
        if (isStopped || !left.length) queue.unshift(...left);
        else if (left.length === items.length) return send(items, tries + 1);
        else queue.unshift(...left);
        pump();
      }, pause);
    } else {
      let detail = "";
      try {
        detail = JSON.parse(request.responseText).detail;
      } catch {
        detail = String(status);
      }
      problem = `${words.failed}: ${detail}`;
      isStopped = true;
      queue.unshift(...items);
    }
    pump();
  }

  // After a break only the archive knows how much of a file it has.
  async function catchUp(item) {
    const url = `${words.url}/${batch}/files/${item.id}`;
    const response = await fetch(url, { method: "HEAD" }).catch(() => null);
    const offset = Number(response?.headers.get("Upload-Offset") ?? NaN);
    if (!(response?.ok && offset >= 0)) return;
    sent += offset - item.at;
    item.at = offset;
  }

  async function finish() {
    if (isLeaving) return;
    isLeaving = true;
    try {
      await ask("POST", `${words.url}/${batch}/submit`, {});
      window.location.assign(words.page.replace("/0/", `/${batch}/`));
    } catch (error) {
      isLeaving = false;
      isStopped = true;
      problem = error.message;
      render();
    }
  }

  // ---- showing -----------------------------------------------------------------------------
  function render() {
    const done = sent + [...running].reduce((sum, { loaded }) => sum + loaded, 0);
    const seconds = Math.max((Date.now() - startedAt) / 1000, 0.5);
    const rate = (done - startedWith) / seconds / 1e6;
    const isBusy = !isStopped && (queue.length || running.size || naming);
    byId("sending-bar").value = total ? Math.min(1, done / total) : 0;
    byId("sending-title").textContent = isStopped
      ? words.stopped
      : isBroken
        ? words.waiting
        : isBusy
          ? words.sending
          : words.finishing;
    byId("sending-rate").textContent =
      `${(done / 1e6).toFixed(1)} / ${(total / 1e6).toFixed(1)} MB` +
      (isBusy && !isBroken ? ` · ${Math.max(rate, 0).toFixed(1)} MB/s` : "");
    byId("stop").textContent = isStopped ? words.continue : words.stop;
    byId("stop").hidden = isLeaving;
    byId("sending-problem").hidden = !problem;
    byId("sending-problem").textContent = problem;
  }

  byId("stop").addEventListener("click", () => {
    isStopped = !isStopped;
    problem = "";
    if (isStopped) for (const job of running) job.request.abort();
    pump();
  });
  window.addEventListener("online", () => pump());
  window.addEventListener("beforeunload", (event) => {
    if (!isLeaving && !isStopped && (running.size || queue.length || naming)) event.preventDefault();
  });
})();
