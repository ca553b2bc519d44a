// Upload: files in batches, three at a time, each file with its own result. Sending the same again
// is harmless, so a retry or a second drop of the folder simply continues.
(() => {
  "use strict";
  const form = document.getElementById("upload");
  if (!form) return;

  const PARALLEL = 3;
  const BATCH_FILES = 24;
  const BATCH_BYTES = 24 * 1024 * 1024;
  const TRIES = 4;
  const SHOWN = 400;
  const IGNORED = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX\/.*)$/i;
  const byId = (id) => document.getElementById(id);
  const dropzone = byId("dropzone");
  const tally = { stored: 0, duplicate: 0, quarantined: 0, failed: 0 };
  const words = {
    stored: ["Accepted", "chip-ok"],
    duplicate: ["Already here", ""],
    quarantined: ["Refused", "chip-warn"],
    failed: ["Failed", "chip-bad"],
  };
  const queue = [];
  const failures = [];
  const studies = new Set();
  const running = new Set();
  let bytesTotal = 0;
  let bytesDone = 0;
  let startedAt = 0;
  let hasStopped = false;
  let shown = 0;

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
  for (const kind of ["dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      if (kind === "dragleave" && event.relatedTarget) return;
      dropzone.classList.remove("is-over");
    });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    if (!entries.some(Boolean)) {
      add([...event.dataTransfer.files].map((file) => ({ file, name: file.name })));
      return;
    }
    for (const entry of entries) if (entry) await walk(entry);
  });

  async function walk(entry) {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail)).catch(() => null);
      if (file) add([{ file, name: entry.fullPath.replace(/^\//, "") }]);
      return;
    }
    const reader = entry.createReader();
    // A reader gives a hundred at a time, until it gives none.
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail)).catch(() => []);
      if (!some.length) return;
      for (const child of some) await walk(child);
    }
  }

  function add(items) {
    const wanted = items.filter(({ name, file }) => !IGNORED.test(name) && file.size > 0);
    if (!wanted.length) return;
    if (!running.size && !queue.length) startedAt = Date.now();
    hasStopped = false;
    queue.push(...wanted.map((item) => ({ ...item, tries: 0 })));
    bytesTotal += wanted.reduce((sum, { file }) => sum + file.size, 0);
    byId("batch").hidden = false;
    pump();
  }

  // ---- sending -----------------------------------------------------------------------------
  function nextBatch() {
    const batch = [];
    let bytes = 0;
    while (queue.length && batch.length < BATCH_FILES) {
      if (batch.length && bytes + queue[0].file.size > BATCH_BYTES) break;
      const item = queue.shift();
      bytes += item.file.size;
      batch.push(item);
    }
    return batch;
  }

  function pump() {
    while (!hasStopped && running.size < PARALLEL && queue.length) send(nextBatch());
    render();
  }

  function send(batch) {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("project", byId("project").value);
    for (const { file, name } of batch) body.append("files", file, name);
    const size = batch.reduce((sum, { file }) => sum + file.size, 0);
    const job = { request, batch, sent: 0 };
    running.add(job);
    request.upload.addEventListener("progress", (event) => {
      job.sent = Math.min(size, event.loaded);
      render();
    });
    request.addEventListener("loadend", () => {
      running.delete(job);
      if (request.status === 0 && hasStopped) queue.unshift(...batch);
      else settle(batch, size, request);
      pump();
    });
    request.open("POST", form.dataset.url);
    request.setRequestHeader("X-CSRFToken", form.dataset.token);
    request.responseType = "json";
    request.send(body);
  }

  function settle(batch, size, request) {
    const answer = request.response;
    const results = answer?.results;
    if (Array.isArray(results) && results.length) {
      bytesDone += size;
      // A single-file ZIP gives many results; a batch of plain files one each, in order.
      for (const result of results) note(result);
      for (const result of results.filter(({ outcome }) => outcome === "failed")) {
        const item = batch.find(({ name }) => name === result.name);
        if (item) failures.push(item);
      }
      return;
    }
    const isTransient = request.status === 0 || request.status === 429 || request.status >= 500;
    const again = batch.filter((item) => isTransient && (item.tries += 1) < TRIES);
    const lost = batch.filter((item) => !again.includes(item));
    if (again.length) {
      const wait = 600 * 2 ** (again[0].tries - 1);
      setTimeout(() => {
        queue.push(...again);
        pump();
      }, wait);
    }
    const text = reasonFor(request.status, answer);
    for (const item of lost) {
      bytesDone += item.file.size;
      failures.push(item);
      note({ name: item.name, outcome: "failed", reason: { text } });
    }
  }

  function reasonFor(status, answer) {
    if (answer?.detail) return answer.detail;
    if (status === 0) return "The connection was lost.";
    if (status === 401) return "Your session has ended. Sign in again and retry.";
    if (status === 403) return "You may not store studies in this project.";
    return `The server answered ${status}.`;
  }

  // ---- showing -----------------------------------------------------------------------------
  function note(result) {
    tally[result.outcome] = (tally[result.outcome] ?? 0) + 1;
    if (result.study_uid && ["stored", "duplicate"].includes(result.outcome)) arrive(result);
    const isWorthARow = shown < SHOWN || ["quarantined", "failed"].includes(result.outcome);
    if (!isWorthARow) {
      byId("more").hidden = false;
      byId("more").textContent = "More files were accepted than are listed; the counts hold all.";
      return;
    }
    shown += 1;
    const row = document.createElement("tr");
    const [word, tone] = words[result.outcome] ?? [result.outcome, ""];
    const chip = Object.assign(document.createElement("span"), {
      className: `chip ${tone}`,
      textContent: word,
    });
    const cells = [result.name, chip, result.reason?.text ?? cleaned(result)];
    for (const content of cells) {
      const cell = document.createElement("td");
      cell.append(content);
      row.append(cell);
    }
    row.firstChild.className = "truncate";
    row.firstChild.title = result.name;
    row.lastChild.className = "soft";
    row.dataset.outcome = result.outcome;
    // What needs a look stands first.
    if (["quarantined", "failed"].includes(result.outcome)) byId("results").prepend(row);
    else byId("results").append(row);
  }

  const cleaned = (result) =>
    result.cleaned?.length ? `Indexed with corrections: ${result.cleaned.join(", ")}` : "";

  function arrive({ study_uid: uid }) {
    if (studies.has(uid)) return;
    studies.add(uid);
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.className = "btn btn-s";
    link.href = form.dataset.studyUrl.replace("0.0", uid);
    link.textContent = `Open study …${uid.slice(-8)}`;
    link.dataset.study = uid;
    item.append(link);
    if (studies.size <= 40) byId("arrivals").append(item);
    byId("arrivals").hidden = false;
  }

  function render() {
    const inFlight = [...running].reduce((sum, job) => sum + job.sent, 0);
    const waiting = queue.length + [...running].reduce((sum, job) => sum + job.batch.length, 0);
    const isDone = waiting === 0;
    byId("batch-bar").value = bytesTotal ? Math.min(1, (bytesDone + inFlight) / bytesTotal) : 0;
    for (const name of Object.keys(tally)) {
      const cell = byId(`tally-${name}`);
      cell.textContent = String(tally[name]);
      cell.classList.toggle("is-some", tally[name] > 0);
    }
    byId("tally-waiting").textContent = String(waiting);
    const refused = tally.quarantined + tally.failed;
    byId("batch-title").textContent = hasStopped
      ? "Stopped"
      : !isDone
        ? "Uploading…"
        : refused
          ? `Done, ${refused} not archived`
          : "Done, everything is archived";
    byId("batch").dataset.state = isDone ? "done" : "busy";
    byId("stop").hidden = isDone;
    byId("retry").hidden = !((isDone && failures.length) || (hasStopped && queue.length));
    byId("retry").lastChild.textContent = hasStopped ? "Continue" : "Retry failed";
    const seconds = (Date.now() - startedAt) / 1000;
    const rate = (bytesDone + inFlight) / Math.max(seconds, 0.5) / 1e6;
    byId("batch-rate").textContent =
      `${((bytesDone + inFlight) / 1e6).toFixed(1)} of ${(bytesTotal / 1e6).toFixed(1)} MB` +
      (isDone ? "" : ` · ${rate.toFixed(1)} MB/s`);
  }

  byId("stop").addEventListener("click", () => {
    hasStopped = true;
    for (const job of running) job.request.abort();
    render();
  });
  byId("retry").addEventListener("click", () => {
    hasStopped = false;
    const again = failures.splice(0);
    for (const item of again) {
      item.tries = 0;
      bytesDone -= item.file.size;
      tally.failed -= 1;
    }
    for (const row of document.querySelectorAll('#results tr[data-outcome="failed"]')) row.remove();
    queue.push(...again);
    pump();
  });
  window.addEventListener("beforeunload", (event) => {
    if (running.size || queue.length) event.preventDefault();
  });
})();
