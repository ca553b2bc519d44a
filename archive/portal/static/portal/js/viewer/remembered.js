// What a reader chose to see beside the picture, kept in this browser: words of ours alone. The
// text in the corners is not among it: it says whose images these are.
const PREFIX = "twinsight-viewer-";
// Where a result is judged, it is shown, and what is switched there says nothing of other pages.
const isKept = document.getElementById("viewer").hasAttribute("data-keeps");

/** Whether something was on when it was last switched; `usual` where nobody ever did. */
export function wasOn(name, usual) {
  if (!isKept) return usual;
  try {
    return { on: true, off: false }[localStorage.getItem(PREFIX + name)] ?? usual;
  } catch {
    return usual;
  }
}

/** Keep a choice for the next series; a browser that keeps nothing forgets it. */
export function keepChoice(name, isOn) {
  if (!isKept) return;
  try {
    localStorage.setItem(PREFIX + name, isOn ? "on" : "off");
  } catch {
    // Storage is off.
  }
}
