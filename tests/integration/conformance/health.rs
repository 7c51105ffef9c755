//! What the database says of itself.

use database::Edition;
use facts::health;
use tests::databases::{TestDatabase, servers};

/// A job that never runs by itself: how its runs went is written by the test, since a test server may have no worker left
/// to run it.
const JOB: &str = "
    CREATE PROCEDURE public.nothing(job_id integer, config jsonb) LANGUAGE sql AS '';
    SELECT add_job('public.nothing', '1 hour', scheduled => false);
    INSERT INTO _timescaledb_internal.bgw_job_stat
        (job_id, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration,
         total_duration_failures, total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes)
    SELECT id, now(), now(), '-infinity', false, 3, '0', '0', 0, 3, 0, 3, 0
    FROM _timescaledb_config.bgw_job WHERE proc_name = 'nothing'
    ON CONFLICT (job_id) DO UPDATE
    SET last_finish = now(), last_run_success = false, total_runs = 3, total_successes = 0, total_failures = 3";

/// The jobs of the built-in entity, which a test server's workers may have run already, and may have failed at: they are not what is looked at.
const QUIET: &str = "
    SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000;
    DELETE FROM _timescaledb_internal.bgw_job_stat WHERE job_id >= 1000";

const MENDED: &str = "UPDATE _timescaledb_internal.bgw_job_stat SET last_run_success = true, total_successes = 1";

#[tokio::test]
async fn a_job_that_failed_once_and_works_again_is_no_fault() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let jobs = async || health::check(&database.app).await.unwrap().jobs;
        let edition = database.app.session().await.unwrap().edition().await.unwrap();
        let plain = database.plain().await.unwrap();
        if edition == Edition::Community {
            plain.batch_execute(QUIET).await.unwrap();
        }
        assert_eq!(jobs().await, health::Jobs::default());
        if edition == Edition::Community {
            for (statement, failing) in [(JOB, 1), (MENDED, 0)] {
                plain.batch_execute(statement).await.unwrap();
                let expected = health::Jobs {
                    failing,
                    failures_so_far: 3,
                };
                assert_eq!(jobs().await, expected, "the past is told and no fault");
            }
        }
        database.drop_it().await.unwrap();
    }
}
