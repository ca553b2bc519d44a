from deploy.supervisor.restarts import HEALTHY_AFTER_S, LAST_DELAY_S, RestartPolicy


def test_delay_doubles_up_to_a_limit():
    policy = RestartPolicy()
    delays = [policy.delay_after_death(now=float(n), lived_s=1) for n in range(9)]
    assert delays[:4] == [0.5, 1, 2, 4]
    assert delays[-1] == LAST_DELAY_S


def test_delay_starts_again_after_a_healthy_run():
    policy = RestartPolicy()
    for moment in range(4):
        policy.delay_after_death(now=moment, lived_s=1)
    assert policy.delay_after_death(now=100, lived_s=HEALTHY_AFTER_S) == 0.5


def test_five_quick_deaths_are_reported_once():
    policy = RestartPolicy()
    reports = []
    for moment in range(8):
        policy.delay_after_death(now=moment, lived_s=1)
        reports.append(policy.should_report())
    assert reports == [False] * 4 + [True] + [False] * 3


def test_rare_deaths_are_not_reported():
    policy = RestartPolicy()
    for moment in range(10):
        policy.delay_after_death(now=moment * 3600.0, lived_s=3600)
        assert not policy.should_report()


def test_trouble_after_a_healthy_run_is_reported_again():
    policy = RestartPolicy()
    for moment in range(5):
        policy.delay_after_death(now=moment, lived_s=1)
    assert policy.should_report()
    policy.delay_after_death(now=1000, lived_s=900)
    for moment in range(1001, 1005):
        policy.delay_after_death(now=moment, lived_s=1)
    assert policy.should_report()
