// Questions about Kafka topics, asked of workers: the coordinator opens no connection to brokers.
// On the event loop's thread only.
#ifndef WEIR_COORDINATOR_SOURCE_QUERIES_H_
#define WEIR_COORDINATOR_SOURCE_QUERIES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "coordinator/job_events.h"
#include "coordinator/worker_registry.h"

namespace weir {

class SourceQueries {
 public:
  // The answer, with the number of the question in `request`.
  using Done = std::function<void(SourceDescribedEvent)>;

  // Numbers begin behind `first_request`, which differs from process to process: a worker may still
  // hold the answer to a question of the coordinator before this one.
  SourceQueries(WorkerRegistry* registry, int64_t first_request)
      : registry_(registry), last_request_(first_request) {}

  // Asks one worker; UNAVAILABLE at once when there is none, and at `deadline_us` when it hasn't
  // answered. `question.request` comes back in the answer and need not be unique.
  void Ask(DescribeSourceAction question, int64_t deadline_us, Done done);
  void OnAnswer(SourceDescribedEvent answer);
  // Fails questions whose time is over or whose worker has left.
  void Expire(int64_t now_us);
  void FailAll();

 private:
  struct Open {
    int64_t request = 0;  // the caller's number
    std::string worker_id;
    std::string brokers;
    int64_t deadline_us = 0;
    Done done;
  };

  WorkerRegistry* const registry_;
  int64_t last_request_;
  std::map<int64_t, Open> open_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_SOURCE_QUERIES_H_
