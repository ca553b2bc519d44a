// The state of a search is the page's address. The form shows it, and is read back into it.

// What the form holds unseen; values of fields that only add to a list are held the same way.
const QUESTION = ["study", "series", "instance", "frame", "region", "positive", "negative", "search"];

const adders = (form) => [...form.elements].filter((field) => field.dataset.adds !== undefined);
const keptNames = (form) => [...QUESTION, ...adders(form).map((field) => field.name)];

/** Read the form as an address has it: nothing empty, nothing that is the default anyway. */
export function readState(form) {
  const state = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const text = String(value).trim();
    if (!text || name === "csrfmiddlewaretoken" || isDefault(form, name, text)) continue;
    if (!state.getAll(name).includes(text)) state.append(name, text);
  }
  return state;
}

function isDefault(form, name, value) {
  const field = form.elements[name];
  if (field instanceof RadioNodeList)
    return [...field].some((one) => one.dataset.default !== undefined && one.value === value);
  return field instanceof HTMLSelectElement && field.options[0].value === value;
}

/** Let the form show a state. */
export function writeState(form, state) {
  const kept = keptNames(form);
  form.querySelector("#kept").replaceChildren(
    ...[...state]
      .filter(([name]) => kept.includes(name))
      .map(([name, value]) => {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        return field;
      }),
  );
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || field === document.activeElement && isTyping(field))
      continue;
    const values = state.getAll(field.name);
    if (field.type === "checkbox") field.checked = values.includes(field.value);
    else if (field.type === "radio")
      field.checked = values.length ? values.includes(field.value) : field.dataset.default !== undefined;
    else if (field.dataset.adds !== undefined) field.value = "";
    else if (field instanceof HTMLSelectElement) field.value = values[0] ?? field.options[0].value;
    else if (field.type !== "submit") field.value = values[0] ?? "";
  }
}

const isTyping = (field) => ["text", "search", "number", "date"].includes(field.type) &&
  field.dataset.adds === undefined;

/** Return a copy of a state with some names set, or taken out where the value is empty. */
export function changed(state, values) {
  const next = new URLSearchParams(state);
  for (const [name, value] of Object.entries(values)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}
