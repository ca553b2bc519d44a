const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = displaySets[0];
const portal = new URL("..", new URL(window.PUBLIC_URL, window.location.href));
const report = `studies/${StudyInstanceUID}/series/${SeriesInstanceUID}/report/`;
const result = { url: new URL(`${report}?framed=${SOPInstanceUID}`, portal).href };
