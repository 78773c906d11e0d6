#include "coordinator/source_queries.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace weir {

void SourceQueries::Ask(DescribeSourceAction question, int64_t deadline_us, Done done) {
  WorkerRegistry::Worker* worker = registry_->Any();
  if (worker == nullptr) {
    return done({question.request, absl::UnavailableError("no worker is registered"), {}});
  }
  const int64_t number = ++last_request_;
  open_[number] = {question.request, worker->id, question.kafka.brokers, deadline_us,
                   std::move(done)};
  question.request = number;
  worker->session->Send({"", std::move(question)});
}

void SourceQueries::OnAnswer(SourceDescribedEvent answer) {
  auto node = open_.extract(answer.request);
  if (node.empty()) return;  // too late
  answer.request = node.mapped().request;
  node.mapped().done(std::move(answer));
}

void SourceQueries::FailAll() { Expire(std::numeric_limits<int64_t>::max()); }

void SourceQueries::Expire(int64_t now_us) {
  std::vector<Open> failed;
  for (auto it = open_.begin(); it != open_.end();) {
    const bool gone = registry_->Find(it->second.worker_id) == nullptr;
    if (!gone && now_us < it->second.deadline_us) {
      ++it;
      continue;
    }
    failed.push_back(std::move(it->second));
    it = open_.erase(it);
  }
  for (Open& open : failed) {
    open.done({open.request,
               absl::UnavailableError(absl::StrCat("brokers ", open.brokers, ": no answer")),
               {}});
  }
}

}  // namespace weir
