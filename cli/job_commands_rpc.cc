#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cli/api_client.h"
#include "cli/api_json.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "cli/job_wait.h"
#include "cli/script_input.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

using std::chrono::system_clock;

constexpr int kPageSize = 500;

// What the flags of one command fill; each command uses some.
struct JobFlags {
  std::string job;
  std::string file;  // script, or script or job for explain
  std::string name;
  std::vector<std::string> variables;
  std::vector<std::string> drop_states;
  std::string timeout;
  int parallelism = 0;
  int64_t drop_epoch = 0;
  std::string from;
  bool restore_tables = false;
  bool savepoint = false;
  bool list = false;
  bool append = false;
  bool wait = false;
  bool validate_only = false;
  bool live = false;
};

// "JOB" or "JOB@EPOCH".
absl::Status SetFrom(const JobFlags& flags, v1::SubmitRequest* request) {
  if (flags.from.empty()) {
    if (!flags.restore_tables && flags.drop_states.empty()) return absl::OkStatus();
    return UsageError("--restore-tables and --drop-state go with --from JOB[@EPOCH]");
  }
  const size_t at = flags.from.rfind('@');
  request->set_from_job(flags.from.substr(0, at));
  request->set_restore_tables(flags.restore_tables);
  int64_t epoch = 0;
  if (at != std::string::npos &&
      (!absl::SimpleAtoi(flags.from.substr(at + 1), &epoch) || epoch < 1)) {
    return UsageError(absl::StrCat("--from ", flags.from,
                                   ": accepted is JOB or JOB@EPOCH, such as activity@120; see "
                                   "weir job checkpoints JOB"));
  }
  if (request->from_job().empty()) return UsageError("--from: the job's name or id is missing");
  request->set_from_epoch(epoch);
  return absl::OkStatus();
}

void PrintWarnings(const v1::Job& job, const Console& console) {
  for (const std::string& warning : job.warnings()) *console.err << "warning: " << warning << "\n";
}

void ShowJob(const v1::Job& job, const ClientSession& session) {
  if (session.json()) {
    session.PrintJson(ToJson(job));
  } else {
    PrintJob(job, session.out());
  }
}

// Exit code and last message of a command that waited for the end.
absl::StatusOr<int> FinishWaiting(const absl::StatusOr<v1::Job>& job, ClientSession& session) {
  WEIR_RETURN_IF_ERROR(job.status());
  if (session.json()) session.PrintJson(ToJson(*job));
  session.err() << Outcome(*job) << "\n";
  return EndedBadly(*job) ? kExitJobEnded : kExitOk;
}

absl::StatusOr<int> Submit(const JobFlags& flags, ClientSession& session) {
  v1::SubmitRequest request;
  WEIR_ASSIGN_OR_RETURN(const auto variables, Variables(flags.variables));
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  if (flags.file == "-" && flags.name.empty())
    return UsageError("a script from standard input needs --name");
  WEIR_ASSIGN_OR_RETURN(*request.mutable_script(), ReadScript(flags.file, session.console()));
  request.set_name(flags.name.empty() ? FileStem(flags.file) : flags.name);
  request.mutable_variables()->insert(variables.begin(), variables.end());
  request.set_request_id(MakeUuid(*SystemRandom()));
  request.set_validate_only(flags.validate_only);
  request.set_append(flags.append);
  request.mutable_drop_states()->Assign(flags.drop_states.begin(), flags.drop_states.end());
  WEIR_RETURN_IF_ERROR(SetFrom(flags, &request));
  WEIR_ASSIGN_OR_RETURN(const v1::Job job, session.api().Submit(request));
  PrintWarnings(job, session.console());
  if (flags.validate_only) {
    if (session.json()) session.PrintJson(ToJson(job));
    session.err() << "the script is valid; nothing was submitted\n";
    return kExitOk;
  }
  session.err() << "submitted job " << job.name() << "; see it with: weir job watch " << job.name()
                << "\n";
  if (!session.json()) session.out() << job.id() << std::endl;
  if (flags.wait)
    return FinishWaiting(WaitUntilFinal(job.id(), deadline, session, nullptr), session);
  if (session.json()) session.PrintJson(ToJson(job));
  return kExitOk;
}

absl::StatusOr<int> List(const JobFlags& flags, ClientSession& session) {
  v1::ListJobsResponse all;
  v1::ListJobsRequest request;
  request.set_page_size(kPageSize);
  request.set_live_only(flags.live);
  do {
    WEIR_ASSIGN_OR_RETURN(const v1::ListJobsResponse page, session.api().List(request));
    all.mutable_jobs()->MergeFrom(page.jobs());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (session.json()) {
    nlohmann::ordered_json jobs = ToJson(all);
    jobs.erase("next_page_token");  // all pages are here
    session.PrintJson(jobs);
  } else {
    PrintJobs(all, session.out());
  }
  return kExitOk;
}

absl::StatusOr<int> Get(const JobFlags& flags, ClientSession& session) {
  v1::GetJobRequest request;
  request.set_job(flags.job);
  WEIR_ASSIGN_OR_RETURN(const v1::Job job, session.api().Get(request));
  ShowJob(job, session);
  return kExitOk;
}

absl::StatusOr<int> Explain(const JobFlags& flags, ClientSession& session) {
  v1::ExplainRequest request;
  WEIR_ASSIGN_OR_RETURN(const auto variables, Variables(flags.variables));
  const absl::StatusOr<std::string> script = ReadScript(flags.file, session.console());
  const bool means_file = absl::EndsWith(flags.file, ".sql") || absl::StrContains(flags.file, "/");
  if (script.ok()) {
    request.set_script(*script);
    request.mutable_variables()->insert(variables.begin(), variables.end());
  } else if (means_file) {
    return script.status();
  } else {
    request.set_job(flags.file);
  }
  WEIR_ASSIGN_OR_RETURN(const v1::ExplainResponse response, session.api().Explain(request));
  if (session.json()) {
    session.PrintJson(ToJson(response));
  } else {
    session.out() << response.text();
    if (!absl::EndsWith(response.text(), "\n")) session.out() << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Watch(const JobFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  WatchLine line;
  const bool rewrite = session.console().out_is_terminal && !session.json();
  const absl::StatusOr<v1::Job> job =
      WaitUntilFinal(flags.job, deadline, session, [&](const v1::Job& update) {
        if (session.json()) {
          session.out() << ToJson(update).dump() << std::endl;  // one document a line
          return;
        }
        const std::string text = line.Next(update, SystemClock()->MonotonicMicros());
        if (rewrite) {
          session.out() << "\r\033[K" << text << std::flush;  // over the line before
        } else {
          session.out() << text << std::endl;
        }
      });
  if (rewrite) session.out() << std::endl;
  WEIR_RETURN_IF_ERROR(job.status());
  session.err() << Outcome(*job) << "\n";
  return EndedBadly(*job) ? kExitJobEnded : kExitOk;
}

absl::StatusOr<int> Wait(const JobFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  return FinishWaiting(WaitUntilFinal(flags.job, deadline, session, nullptr), session);
}

// `job` came back from stop or cancel: the exit code is about having ended as asked.
absl::StatusOr<int> AfterEnding(v1::Job job, const JobFlags& flags, Deadline deadline,
                                ClientSession& session) {
  if (flags.wait && !IsFinal(job)) {
    WEIR_ASSIGN_OR_RETURN(job, WaitUntilFinal(job.id(), deadline, session, nullptr));
  }
  if (session.json()) session.PrintJson(ToJson(job));
  session.err() << Outcome(job) << "\n";
  return job.state() == v1::FAILED ? kExitJobEnded : kExitOk;
}

absl::StatusOr<int> Stop(const JobFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  v1::StopRequest request;
  request.set_job(flags.job);
  WEIR_ASSIGN_OR_RETURN(v1::Job job, session.api().Stop(request, CallDeadline(deadline)));
  return AfterEnding(std::move(job), flags, deadline, session);
}

absl::StatusOr<int> Cancel(const JobFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  v1::CancelRequest request;
  request.set_job(flags.job);
  WEIR_ASSIGN_OR_RETURN(v1::Job job, session.api().Cancel(request, CallDeadline(deadline)));
  return AfterEnding(std::move(job), flags, deadline, session);
}

absl::StatusOr<int> ListCheckpoints(const JobFlags& flags, ClientSession& session) {
  v1::ListCheckpointsRequest request;
  request.set_job(flags.job);
  WEIR_ASSIGN_OR_RETURN(const v1::ListCheckpointsResponse response,
                        session.api().ListCheckpoints(request));
  if (session.json()) {
    session.PrintJson(ToJson(response));
  } else {
    PrintCheckpoints(response, session.out());
  }
  return kExitOk;
}

absl::StatusOr<int> ListEvents(const JobFlags& flags, ClientSession& session) {
  v1::ListEventsRequest request;
  request.set_job(flags.job);
  WEIR_ASSIGN_OR_RETURN(const v1::ListEventsResponse response, session.api().ListEvents(request));
  if (session.json()) {
    session.PrintJson(ToJson(response));
  } else {
    PrintEvents(response, session.out());
  }
  return kExitOk;
}

absl::StatusOr<int> DropSavepoint(const JobFlags& flags, ClientSession& session) {
  v1::DropSavepointRequest request;
  request.set_job(flags.job);
  request.set_epoch(flags.drop_epoch);
  WEIR_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint, session.api().DropSavepoint(request));
  if (session.json()) session.PrintJson(ToJson(checkpoint));
  session.err() << "epoch " << checkpoint.epoch() << " is no savepoint any more\n";
  return kExitOk;
}

absl::StatusOr<int> TakeCheckpoint(const JobFlags& flags, ClientSession& session) {
  if (flags.list) return ListCheckpoints(flags, session);
  if (flags.drop_epoch > 0) return DropSavepoint(flags, session);
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline,
                        DeadlineOf(flags.timeout.empty() ? "5 minutes" : flags.timeout));
  v1::TriggerCheckpointRequest request;
  request.set_job(flags.job);
  request.set_savepoint(flags.savepoint);
  WEIR_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint,
                        session.api().TriggerCheckpoint(request, deadline));
  if (session.json()) {
    session.PrintJson(ToJson(checkpoint));
    return kExitOk;
  }
  v1::ListCheckpointsResponse one;
  *one.add_checkpoints() = checkpoint;
  PrintCheckpoints(one, session.out());
  return kExitOk;
}

absl::StatusOr<int> Rescale(const JobFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline,
                        DeadlineOf(flags.timeout.empty() ? "5 minutes" : flags.timeout));
  v1::RescaleRequest request;
  request.set_job(flags.job);
  request.set_parallelism(flags.parallelism);
  WEIR_ASSIGN_OR_RETURN(const v1::Job job, session.api().Rescale(request, deadline));
  if (session.json()) session.PrintJson(ToJson(job));
  session.err() << "job " << job.name() << " runs with parallelism " << job.parallelism() << "\n";
  return kExitOk;
}

constexpr char kDropStateHelp[] =
    "With --from: leave behind what the checkpoint holds of this INSERT and the script has no use "
    "for; windows that are open then miss the rows so far";
constexpr char kJobHelp[] = "Name or id; a name means the newest job of that name";

// Holds what the commands' options write into, for as long as the app lives.
class JobCommandSet {
 public:
  JobCommandSet(CLI::App& job, const ClientFlags& client, const Console& console, int* exit_code)
      : job_(job), client_(client), console_(console), exit_code_(exit_code) {}

  using Run = absl::StatusOr<int> (*)(const JobFlags&, ClientSession&);

  // The command, with `flags` for its options to write into.
  std::pair<CLI::App*, std::shared_ptr<JobFlags>> Add(const char* name, const char* help, Run run) {
    CLI::App* command = job_.add_subcommand(name, help);
    auto flags = std::make_shared<JobFlags>();  // shared with the callback
    command->callback([run, flags, &client = client_, &console = console_, exit = exit_code_] {
      *exit =
          RunWithApi(client, console, [&](ClientSession& session) { return run(*flags, session); });
    });
    return {command, flags};
  }

  std::pair<CLI::App*, std::shared_ptr<JobFlags>> AddForJob(const char* name, const char* help,
                                                            Run run) {
    auto added = Add(name, help, run);
    added.first->add_option("job", added.second->job, kJobHelp)->required();
    return added;
  }

 private:
  CLI::App& job_;
  const ClientFlags& client_;
  const Console& console_;
  int* const exit_code_;
};

void AddSubmit(JobCommandSet& set) {
  auto [submit, flags] = set.Add("submit", "Check a script and run it as a job", Submit);
  submit->add_option("file", flags->file, "The SQL script; - reads standard input")->required();
  submit->add_option("--name", flags->name, "Name of the job (default: the file's, without .sql)");
  submit->add_option("--var", flags->variables, "NAME=VALUE for ${NAME} in the script")
      ->take_all()
      ->allow_extra_args(false);
  submit->add_flag("--append", flags->append,
                   "Accept tables that an earlier job of this name has written");
  submit->add_option("--from", flags->from,
                     "JOB[@EPOCH]: go on from that job's checkpoint (default: its newest), with "
                     "its positions, state, watermarks and counters");
  submit->add_flag("--restore-tables", flags->restore_tables,
                   "With --from: take rows of later epochs out of the tables, in one commit each");
  submit->add_option("--drop-state", flags->drop_states, kDropStateHelp)
      ->take_all()
      ->allow_extra_args(false);
  submit->add_flag("--validate", flags->validate_only, "Check only, submit nothing");
  submit->add_flag("--wait", flags->wait, "Wait until the job ends");
  submit->add_option("--timeout", flags->timeout, kTimeoutHelp);
}

}  // namespace

void AddJobCommands(CLI::App& job, const ClientFlags& flags, const Console& console,
                    int* exit_code) {
  JobCommandSet set(job, flags, console, exit_code);
  AddApplyCommands(job, flags, console, exit_code);
  AddSubmit(set);
  {
    auto [list, list_flags] = set.Add("list", "List jobs, newest first", List);
    list->add_flag("--live", list_flags->live, "Only jobs that have not ended");
  }
  set.AddForJob("get", "Show one job", Get);
  {
    auto [explain, explain_flags] =
        set.Add("explain", "Print the plan of a script or of a job", Explain);
    explain->add_option("script_or_job", explain_flags->file, "A file, or a job's name or id")
        ->required();
    explain->add_option("--var", explain_flags->variables, "NAME=VALUE for ${NAME} in the script")
        ->take_all()
        ->allow_extra_args(false);
  }
  for (const auto& [name, help, run] :
       {std::tuple{"watch", "Show a job's progress until it ends", &Watch},
        std::tuple{"wait", "Wait until a job ends", &Wait}}) {
    auto [command, command_flags] = set.AddForJob(name, help, run);
    command->add_option("--timeout", command_flags->timeout, kTimeoutHelp);
  }
  for (const auto& [name, help, run] :
       {std::tuple{"stop", "End a job after a last checkpoint, committed", &Stop},
        std::tuple{"cancel", "End a job at once", &Cancel}}) {
    auto [command, command_flags] = set.AddForJob(name, help, run);
    command->add_flag("--wait", command_flags->wait, "Return when the job has ended");
    command->add_option("--timeout", command_flags->timeout, kTimeoutHelp);
  }
  {
    auto [take, take_flags] = set.AddForJob("checkpoint", "Take a checkpoint now", TakeCheckpoint);
    take->add_option("--timeout", take_flags->timeout, kTimeoutHelp);
    auto* savepoint = take->add_flag("--savepoint", take_flags->savepoint,
                                     "Keep it until it is dropped: to go on from it with "
                                     "submit --from JOB@EPOCH");
    auto* drop = take->add_option("--drop", take_flags->drop_epoch,
                                  "Take none; keep the savepoint of this EPOCH no longer");
    auto* list = take->add_flag("--list", take_flags->list, "Take none; list those retained");
    drop->check(CLI::PositiveNumber)->excludes(savepoint)->excludes(list);
    list->excludes(savepoint);
  }
  set.AddForJob("checkpoints", "List a job's retained checkpoints, newest first", ListCheckpoints);
  set.AddForJob("events",
                "What happened to a job, oldest first: states, restarts, failed checkpoints and "
                "commits, with their reasons",
                ListEvents);
  {
    auto [rescale, rescale_flags] = set.AddForJob("rescale", "Change the parallelism", Rescale);
    rescale->add_option("--parallelism", rescale_flags->parallelism, "Tasks per vertex")
        ->required()
        ->check(CLI::Range(1, 4096));
    rescale->add_option("--timeout", rescale_flags->timeout, kTimeoutHelp);
  }
}

}  // namespace weir
