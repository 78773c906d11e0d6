#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/client_session.h"
#include "cli/job_text.h"
#include "cli/job_wait.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

using std::chrono::system_clock;

// A wait goes on without a coordinator for so long: it may be starting again elsewhere.
constexpr std::chrono::seconds kSilenceMax{120};
constexpr std::chrono::milliseconds kReconnectPause{500};
constexpr std::chrono::seconds kEndingMax{60};

}  // namespace

absl::StatusOr<v1::Job> WaitUntilFinal(const std::string& name, Deadline deadline,
                                       ClientSession& session,
                                       const std::function<void(const v1::Job&)>& on_update) {
  v1::WatchRequest request;
  request.set_job(name);
  v1::Job last;
  bool seen = false;
  auto last_contact = system_clock::now();
  bool told = false;
  while (true) {
    const absl::Status status = session.api().Watch(request, deadline, [&](const v1::Job& job) {
      last = job;
      seen = true;
      told = false;
      last_contact = system_clock::now();
      if (on_update != nullptr) on_update(job);
      // Pinned by id: a new job may take the name while we wait.
      request.set_job(job.id());
      return !IsFinal(job);
    });
    if (seen && IsFinal(last)) return last;
    if (absl::IsDeadlineExceeded(status)) {
      return absl::DeadlineExceededError(
          absl::StrCat(seen ? Outcome(last) : absl::StrCat("job ", name, " has not answered"),
                       " when the time given was over; it goes on: weir job wait ", name));
    }
    const bool may_come_back = status.ok() || absl::IsUnavailable(status);
    if (!may_come_back || !seen) return status.ok() ? absl::UnavailableError("no answer") : status;
    if (system_clock::now() - last_contact > kSilenceMax) return status;
    if (!told) session.err() << "the coordinator does not answer; trying again\n";
    told = true;
    if (system_clock::now() + kReconnectPause > deadline)
      return absl::DeadlineExceededError("no coordinator answered until the time given was over");
    std::this_thread::sleep_for(kReconnectPause);
  }
}

Deadline CallDeadline(Deadline deadline) {
  return std::min<Deadline>(deadline, system_clock::now() + kEndingMax);
}

}  // namespace weir
