"""Beat sends by name what a worker must know."""


def test_a_worker_knows_every_task_that_beat_and_the_pages_send(redis_url: str) -> None:
    # Imported here: the queue is made with its modules, and needs the address of Redis.
    from backend.beat import app as beat
    from backend.executions import dispatch
    from backend.market import fetching
    from backend.worker import app as worker

    sent = {each["task"] for each in beat.conf.beat_schedule.values()}
    assert sent | {dispatch.RUN_TASK, fetching.FETCH_TASK} <= set(worker.tasks)
