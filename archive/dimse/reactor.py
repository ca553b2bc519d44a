"""An association's loop that serves a request when it comes, not a millisecond later."""

from __future__ import annotations

import logging

from pynetdicom import evt
from pynetdicom.association import Association

logger = logging.getLogger(__name__)


class PromptAssociation(Association):
    """Waits for messages in `SpoolingDimse.get_msg`; pynetdicom sleeps between two looks."""

    def _run_reactor(self) -> None:
        """Serve requests until the peer, the network or our own side ends the association."""
        self._is_paused = False
        while not self._kill:
            # Who sends requests as an acceptor (C-GET) holds the loop up meanwhile.
            self._is_paused = True
            self._reactor_checkpoint.wait()
            self._is_paused = False
            context_id, message = self.dimse.get_msg(block=False)
            if message and context_id is not None:
                self._serve_request(message, context_id)
            if self._is_over():
                return

    def _is_over(self) -> bool:
        """Answer a release, note an abort, and end what is silent for too long."""
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self.is_established = False
            evt.trigger(self, evt.EVT_RELEASED, {})
        elif self.acse.is_aborted():
            # Taken off the queue, for those who wait for its event.
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
            evt.trigger(self, evt.EVT_ABORTED, {})
        elif self.dul.idle_timer_expired():
            logger.warning("network timeout: the association is aborted")
            self.abort()
        elif self.dul.is_alive():
            return False
        self.kill()
        return True
