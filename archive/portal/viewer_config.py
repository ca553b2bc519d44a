"""OHIF's configuration: data in JSON, and the few functions that it asks for."""

from __future__ import annotations

import json
from typing import Any

SOURCE = "twinsight"
# The browser's own origin is put before the paths: OHIF makes full addresses of them.
_SCRIPT = """\
(() => {
  const config = %(config)s;
  const places = %(places)s;
  const source = config.dataSources[0].configuration;
  for (const key of ["qidoRoot", "wadoRoot", "wadoUriRoot"]) {
    source[key] = window.location.origin + source[key];
  }
  // A session that ended: sign in, and come back to the same pictures.
  config.httpErrorHandler = (error) => {
    if (error.status === 401) {
      const here = window.location.pathname + window.location.search;
      window.location.assign(`${places.login}?next=${encodeURIComponent(here)}`);
    }
  };
  config.whiteLabeling = {
    createLogoComponentFn: (React) =>
      React.createElement(
        "a",
        { href: places.portal, className: "text-primary text-lg font-semibold px-2" },
        "Twinsight",
      ),
  };
  window.config = config;
})();
"""


def config_script(*, dicom_web: str, wado_uri: str, basename: str, portal: str, login: str) -> str:
    """Return the script that sets ``window.config``, which OHIF reads when it starts."""
    config = _config(dicom_web=dicom_web, wado_uri=wado_uri, basename=basename)
    places = {"portal": portal, "login": login}
    return _SCRIPT % {"config": _script_json(config), "places": _script_json(places)}


def _config(*, dicom_web: str, wado_uri: str, basename: str) -> dict[str, Any]:
    return {
        "name": "config/twinsight.js",
        "routerBasename": basename,
        "extensions": [],
        "modes": [],
        # OHIF's tour of itself would cover the first image of everyone's first visit.
        "customizationService": {"ohif.tours": {"$set": []}},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        # Segmentations and reports that a person opens are drawn without being asked.
        "disableConfirmationPrompts": True,
        # What is measured is kept for saving, reports that hold measurements are drawn: unasked.
        "measurementTrackingMode": "simplified",
        "investigationalUseDialog": {"option": "configure", "days": 30},
        "maxNumRequests": {"interaction": 20, "thumbnail": 5, "prefetch": 10},
        "showErrorDetails": "production",
        "defaultDataSourceName": SOURCE,
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": SOURCE,
                "configuration": _data_source(dicom_web=dicom_web, wado_uri=wado_uri),
            }
        ],
    }


def _data_source(*, dicom_web: str, wado_uri: str) -> dict[str, Any]:
    return {
        "friendlyName": "Twinsight",
        "name": SOURCE,
        "qidoRoot": dicom_web,
        "wadoRoot": dicom_web,
        "wadoUriRoot": wado_uri,
        "qidoSupportsIncludeField": True,
        "supportsFuzzyMatching": True,
        "supportsWildcard": True,
        "supportsReject": False,
        "dicomUploadEnabled": False,
        "imageRendering": "wadors",
        "thumbnailRendering": "thumbnail",
        "thumbnailRequestStrategy": "fetch",
        "enableStudyLazyLoad": True,
        "staticWado": False,
        "singlepart": "bulkdata,pdf,video",
        "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
        "omitQuotationForMultipartRequest": True,
    }


def _script_json(value: dict[str, Any]) -> str:
    """Return JSON that is safe as a script, too."""
    return json.dumps(value, indent=2).replace("<", "\\u003c")
