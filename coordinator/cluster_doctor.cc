// What `weir doctor` asks of the cluster: facts about everybody from the loop, topics by way of a
// worker, and then, on the pool, the store and the tables.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/version.h"
#include "coordinator/api_error.h"
#include "coordinator/cluster.h"
#include "coordinator/doctor.h"
#include "coordinator/event_loop.h"
#include "lake/table_store.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr int64_t kDescribeDeadlineUs = 5'000'000;

using Level = Finding::Level;

Finding TopicFinding(const std::string& subject, const KafkaSpec& kafka,
                     const SourceDescribedEvent& answer) {
  const std::string brokers = absl::StrCat("brokers ", kafka.brokers);
  if (answer.status.ok()) {
    return {Level::kOk, "topic", subject,
            absl::StrCat(answer.partitions.size(), " partitions at ", brokers), ""};
  }
  const bool absent = absl::IsNotFound(answer.status);
  return {Level::kProblem, "topic", subject, absl::StrCat(brokers, ": ", answer.status.message()),
          absent ? "make the topic, or correct its name in the job's script"
                 : "see that the brokers run, that workers reach their advertised addresses, and "
                   "that the account in the script may read the topic"};
}

Finding TableFinding(const std::string& subject, const absl::Status& writable) {
  if (writable.ok()) return {Level::kOk, "table", subject, "can be written", ""};
  return {Level::kProblem, "table", subject, std::string(writable.message()),
          "give coordinator and workers leave to write there; the job catches up by itself"};
}

}  // namespace

// Shared by its open questions.
struct Cluster::Examination {
  DoctorReport report;
  std::vector<std::pair<std::string, std::string>> tables;  // subject, path
  int open = 0;                                             // questions without an answer
  Done<DoctorReport> done;
};

void Cluster::ExamineWorkers(Examination* examination) const {
  std::vector<Finding>& findings = examination->report.findings;
  const int64_t now_s = examination->report.now_us / 1'000'000;
  for (const auto& [id, worker] : registry_.workers()) {
    const std::string subject = absl::StrCat("worker ", worker.registration.address);
    findings.push_back(JudgeVersion(subject, worker.registration.version, Version()));
    if (!worker.heartbeat) continue;
    findings.push_back(JudgeClock(subject, worker.clock_ahead_us));
    findings.push_back(JudgeOpenFiles(subject, worker.host.open_files_max));
    findings.push_back(JudgeDisk(subject, worker.host.disk_free_bytes, worker.host.disk_bytes));
    findings.push_back(
        JudgeMemory(subject, worker.registration.memory_bytes, worker.host.memory_limit_bytes));
    findings.push_back(JudgeCertificate(subject, worker.host.certificate_expires_s, now_s));
  }
  if (registry_.workers().empty()) {
    findings.push_back({Level::kProblem, "workers", "cluster", "no worker is registered",
                        "start one: weir worker --coordinator " + leader_ + " --cache DIR"});
  }
}

void Cluster::Examine(Done<DoctorReport> done) {
  deps_.loop->Post([this, done = std::move(done)] {
    if (!serving()) return done(Refusal());
    const auto examination = std::make_shared<Examination>();
    examination->done = done;
    examination->report.now_us = deps_.clock->WallMicros();
    ExamineWorkers(examination.get());
    ExamineJobs(examination);
  });
}

void Cluster::ExamineJobs(const std::shared_ptr<Examination>& examination) {
  struct Question {
    std::string subject;
    KafkaSpec kafka;
  };
  std::vector<Question> questions;
  for (const auto& [id, job] : jobs_) {
    if (!job->live()) continue;
    const Plan& plan = job->spec().plan;
    for (const PlanSource& source : SourcesOf(plan)) {
      questions.push_back(
          {absl::StrCat("job ", id, ", topic ", source.op->kafka.topic), source.op->kafka});
    }
    for (const SinkSpec& sink : plan.sinks) {
      examination->tables.emplace_back(absl::StrCat("job ", id, ", table ", sink.path), sink.path);
    }
  }
  if (registry_.workers().empty()) questions.clear();  // nobody could answer
  examination->open = static_cast<int>(questions.size()) + 1;
  const int64_t deadline_us = deps_.clock->MonotonicMicros() + kDescribeDeadlineUs;
  for (const Question& question : questions) {
    queries_.Ask({0, question.kafka, false}, deadline_us,
                 [this, examination, question](const SourceDescribedEvent& answer) {
                   examination->report.findings.push_back(
                       TopicFinding(question.subject, question.kafka, answer));
                   if (--examination->open == 0) ExamineStores(examination);
                 });
  }
  if (--examination->open == 0) ExamineStores(examination);
}

void Cluster::ExamineStores(const std::shared_ptr<Examination>& examination) {
  deps_.slow->Run([this, examination] {
    DoctorReport& report = examination->report;
    const std::string subject = absl::StrCat("coordinator, --data ", options_.data_uri);
    report.findings.push_back(CheckStore(deps_.blobs, deps_.random, subject));
    const absl::StatusOr<int64_t> wall_us = StoreWallMicros(options_.data_uri);
    if (wall_us.ok()) {
      report.findings.push_back(JudgeClock(absl::StrCat("store ", options_.data_uri),
                                           *wall_us - deps_.clock->WallMicros()));
    }
    const HostFacts host = deps_.read_host();
    report.findings.push_back(JudgeOpenFiles("coordinator", host.open_files_max));
    report.findings.push_back(
        JudgeCertificate("coordinator", host.certificate_expires_s, report.now_us / 1'000'000));
    for (const auto& [table, path] : examination->tables) {
      report.findings.push_back(
          TableFinding(table, CheckTablePathWritable(path, options_.table_roots)));
    }
    deps_.loop->Post([examination] { examination->done(examination->report); });
  });
}

}  // namespace weir
