from celery import shared_task

from archive.inbox import claiming, sweeping, watching, working

# Its own: nobody's upload waits for a slow peer or a long export, and these for no upload.
QUEUE = "uploads"


@shared_task(name="archive.inbox.dispatch_inbox", soft_time_limit=50, time_limit=60)
def dispatch_inbox_task() -> int:
    """Hand out the uploads on which nobody works, and the folders that are due."""
    batches = claiming.due_batches()
    for batch_id in batches:
        work_on_upload_task.apply_async((batch_id,), queue=QUEUE, expires=30)
    folders = watching.due_folders()
    for folder_id in folders:
        scan_folder_task.apply_async((folder_id,), queue=QUEUE, expires=30)
    return len(batches) + len(folders)


@shared_task(name="archive.inbox.work_on_upload", soft_time_limit=330, time_limit=345)
def work_on_upload_task(batch_id: int) -> None:
    """Work on one upload for half a minute; delivered twice, the second does nothing."""
    if working.work_on(batch_id, for_s=30):
        work_on_upload_task.apply_async((batch_id,), queue=QUEUE, expires=30)


@shared_task(name="archive.inbox.scan_folder", soft_time_limit=330, time_limit=345)
def scan_folder_task(folder_id: int) -> int:
    """Take in what is new in a folder for half a minute; the next round goes on."""
    return watching.scan_folder(folder_id, for_s=30)


@shared_task(name="archive.inbox.sweep_inbox", soft_time_limit=110, time_limit=120)
def sweep_inbox_task() -> int:
    """Give up uploads that nobody went on with, and remove what is left of files."""
    return sweeping.sweep_inbox()
