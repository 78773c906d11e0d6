// A whole job in one thread: coordinators (real job machine, log, placement, recovery, committer),
// workers with their tasks (tests/sim/sim_tasks.h), a blob store and tables that lose, delay and
// repeat, all driven by one seed. After every table version the promise is checked: the version is
// the query over the prefix that its epoch names, each row once, in a window, late, or open.
#ifndef WEIR_TESTS_SIM_JOB_SIM_H_
#define WEIR_TESTS_SIM_JOB_SIM_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "coordinator/job_machine.h"
#include "lake/table_committer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/sim/sim_random.h"
#include "tests/sim/sim_table.h"
#include "tests/sim/sim_tasks.h"

namespace weir {

// How often what a schedule should reach was reached, over all seeds.
struct SimTotals {
  std::map<JobEnd, int> ends;
  int64_t versions = 0, epochs = 0, generations = 0, takeovers = 0, zombie_writes = 0;
  int64_t late_rows = 0, idle_spells = 0, rescaled = 0, crashes = 0, lost_answers = 0, drained = 0;
  int64_t damaged = 0, fallbacks = 0;  // deployments that found damage; runs that went back over it
};

class JobSim {
 public:
  // A mutant breaks one rule on purpose: the checks must notice.
  enum class Mutant { kNone, kDropRow, kRepeatCommit, kIgnoreLostAnswer };

  JobSim(uint32_t seed, Mutant mutant, SimTotals* totals);

  // Faults, then a quiet phase in which the job must come to its end. Empty, or what went wrong.
  std::string Run();

 private:
  struct Coordinator {
    std::optional<JobMachine> machine;
    JobLogState io_state;
    std::deque<JobEvent> inbox;
    std::deque<JobAction> outbox;
    std::vector<std::unique_ptr<TableCommitter>> committers;  // by sink; made when first needed
  };
  struct Worker {
    bool up = true;
    bool draining = false;
    std::string id;
    int64_t generation = 0;  // the newest deployed; older messages are refused
    SimReports reports;
  };

  bool Chance(uint32_t one_in) { return random_() % one_in == 0; }
  Coordinator& Live() { return *coordinators_.back(); }
  Coordinator& AnyCoordinator();
  std::vector<WorkerView> View() const;
  JobFacts Facts(const Coordinator& coordinator) const;
  void Wrong(std::string what);

  void Boot(JobLogState log, bool took_over);
  void Reboot();
  void Step(bool faults);
  void Break();
  void LetDrainedLeave();
  void Handle(Coordinator& coordinator, const JobEvent& event);
  void Perform(Coordinator& coordinator, bool faults);

  void Do(Coordinator& coordinator, const AppendAction& action, bool faults);
  void Do(Coordinator& coordinator, const DescribeSourceAction& action, bool faults);
  void Do(Coordinator& coordinator, const DeployAction& action, bool faults);
  void Do(Coordinator& coordinator, const StartAction& action, bool faults);
  void Do(Coordinator& coordinator, const TriggerAction& action, bool faults);
  void Do(Coordinator& coordinator, const AddPartitionsAction& action, bool faults);
  void Do(Coordinator& coordinator, const CancelTasksAction& action, bool faults);
  void Do(Coordinator& coordinator, const CommitAction& action, bool faults);
  template <class Note>
  void Do(Coordinator&, const Note&, bool) {}

  absl::StatusOr<CommitResult> Commit(Coordinator& coordinator, const CommitAction& action);
  bool Ended();

  // The judge: knows the log and the tables, nothing of the actors.
  const Manifest* ManifestOf(int64_t epoch);
  void JudgeTables();
  void JudgeWindows(int64_t epoch);
  void JudgeLate(int64_t epoch);

  const Mutant mutant_;
  SimTotals* const totals_;
  SimRandom random_;
  const std::unique_ptr<Random> ids_;
  FakeClock clock_;
  SimWorld world_;
  JobSpec spec_;
  int64_t now_us_ = 1'000'000;
  FaultyBlobStore store_;
  SimTable windows_, late_;
  std::vector<std::unique_ptr<Coordinator>> coordinators_;
  std::vector<WorkerView> stale_view_;
  std::vector<Worker> workers_;
  int last_worker_ = 0;
  std::map<int64_t, SimGeneration> generations_;
  std::set<Epoch> damaged_;  // epochs whose state can't be read any more
  std::optional<EndedRecord> ended_;
  std::string wrong_;

  // Of the judge.
  int64_t judged_records_ = 0;
  std::map<int64_t, Manifest> manifests_;
  std::map<SimGroup, std::set<SimRow>> seen_windows_;
  std::set<SimRow> seen_late_;
  int64_t windows_epoch_ = 0, late_epoch_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_SIM_JOB_SIM_H_
