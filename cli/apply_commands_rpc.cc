#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/byte_size.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "cli/api_client.h"
#include "cli/api_json.h"
#include "cli/apply_plan.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/colour.h"
#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "cli/job_wait.h"
#include "cli/script_diff.h"
#include "cli/script_input.h"
#include "sql/script.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

constexpr int kDiffContext = 3;

struct ApplyFlags {
  std::string file;
  std::string name;
  std::vector<std::string> variables;
  std::vector<std::string> drop_states;
  bool append = false;
  bool dry_run = false;
  std::string timeout = "5 minutes";
};

// What is declared, what is there, and what follows.
struct Plan {
  std::string name;
  std::string script;  // as given
  std::string filled;
  std::map<std::string, std::string> variables;
  v1::Job current;  // with facts.exists
  ApplyFacts facts;
  ApplyAction action = ApplyAction::kCreate;
  v1::Job checked;  // what the cluster says of it, unless nothing is to be done
};

ApplyFacts FactsOf(const v1::Job& job, const std::string& filled) {
  ApplyFacts facts;
  facts.exists = true;
  facts.live = !IsFinal(job);
  facts.stopping = job.state() == v1::STOPPING;
  facts.finished = job.state() == v1::FINISHED;
  facts.same_words = SameWords(job.script(), filled);
  facts.job = job.id();
  facts.epoch = job.epoch();
  facts.from_job = job.from_job();
  facts.from_epoch = job.from_epoch();
  return facts;
}

absl::StatusOr<v1::Job> Get(const std::string& job, ClientSession& session) {
  v1::GetJobRequest request;
  request.set_job(job);
  return session.api().Get(request);
}

v1::SubmitRequest RequestFor(const Plan& plan, const ApplyFlags& flags) {
  v1::SubmitRequest request;
  request.set_script(plan.script);
  request.set_name(plan.name);
  request.mutable_variables()->insert(plan.variables.begin(), plan.variables.end());
  request.set_append(flags.append);
  const ApplyOrigin origin = OriginOf(plan.facts);
  request.set_from_job(origin.job);
  request.set_from_epoch(origin.epoch);
  if (!origin.job.empty()) {
    request.mutable_drop_states()->Assign(flags.drop_states.begin(), flags.drop_states.end());
  }
  return request;
}

absl::StatusOr<Plan> MakePlan(const ApplyFlags& flags, ClientSession& session) {
  Plan plan;
  WEIR_ASSIGN_OR_RETURN(plan.variables, Variables(flags.variables));
  if (flags.file == "-" && flags.name.empty())
    return UsageError("a script from standard input needs --name");
  WEIR_ASSIGN_OR_RETURN(plan.script, ReadScript(flags.file, session.console()));
  plan.name = flags.name.empty() ? FileStem(flags.file) : flags.name;
  const absl::StatusOr<Script> filled = Script::Fill(plan.script, plan.variables);
  if (!filled.ok()) {
    return absl::Status(filled.status().code(),
                        absl::StrCat(flags.file, ": ", filled.status().message()));
  }
  plan.filled = filled->filled();
  absl::StatusOr<v1::Job> current = Get(plan.name, session);
  if (current.ok()) {
    plan.current = *std::move(current);
    // An id also finds a job; what is declared is a name.
    if (plan.current.name() == plan.name) plan.facts = FactsOf(plan.current, plan.filled);
  } else if (!absl::IsNotFound(current.status())) {
    return current.status();
  }
  plan.action = DecideApply(plan.facts);
  if (plan.action == ApplyAction::kUnchanged) return plan;
  v1::SubmitRequest check = RequestFor(plan, flags);
  check.set_validate_only(true);
  if (plan.facts.live) check.set_replaces(plan.facts.job);
  WEIR_ASSIGN_OR_RETURN(plan.checked, session.api().Submit(check));
  return plan;
}

std::string Summary(const Plan& plan) {
  const std::string what = absl::StrCat("job ", plan.name, ": ");
  switch (plan.action) {
    case ApplyAction::kCreate:
      return absl::StrCat(what, "new");
    case ApplyAction::kUnchanged:
      return absl::StrCat(what, "unchanged; ", plan.current.id(), " is ",
                          v1::JobState_Name(plan.current.state()));
    case ApplyAction::kContinue:
      return absl::StrCat(what, plan.current.id(), " is ", v1::JobState_Name(plan.current.state()),
                          OriginOf(plan.facts).job.empty() ? "; begin anew" : "; go on from it");
    case ApplyAction::kReplace:
      return absl::StrCat(what, "changed; stop ", plan.current.id(),
                          " behind a last checkpoint and go on from that");
  }
  return what;
}

std::vector<std::string> DiffOf(const Plan& plan) {
  if (plan.action == ApplyAction::kUnchanged || plan.facts.same_words) return {};
  return DiffLines(NormalLines(plan.facts.exists ? plan.current.script() : std::string()),
                   NormalLines(plan.filled), kDiffContext);
}

std::string CarriedText(const v1::CarriedState& carried) {
  std::string size;
  if (carried.kind() == "positions") {
    size = absl::StrCat(", ", carried.partitions(), " partitions");
  } else if (carried.bytes() > 0) {
    size = absl::StrCat(", ", FormatByteSize(carried.bytes()));
  }
  return absl::StrCat(carried.fate(), std::string(9 - carried.fate().size(), ' '), carried.kind(),
                      " of ", carried.name(), size);
}

// `console` says whether `out` may have colours.
void PrintPlan(const Plan& plan, std::ostream& out, const Console& console) {
  out << Summary(plan) << "\n";
  for (const std::string& line : DiffOf(plan)) {
    const Colour colour = line[0] == '+'   ? Colour::kGreen
                          : line[0] == '-' ? Colour::kRed
                                           : Colour::kNone;
    out << (&out == console.out ? Painted(line, colour, console) : line) << "\n";
  }
  for (const v1::CarriedState& carried : plan.checked.carried()) {
    out << "  " << CarriedText(carried) << "\n";
  }
}

nlohmann::ordered_json ToJson(const Plan& plan, const v1::Job* job) {
  nlohmann::ordered_json out = {{"action", NameOf(plan.action)}, {"name", plan.name}};
  out["current"] = plan.facts.exists ? nlohmann::ordered_json(plan.facts.job) : nullptr;
  out["diff"] = DiffOf(plan);
  out["carried"] = weir::ToJson(plan.checked)["carried"];
  out["job"] = job == nullptr ? nlohmann::ordered_json() : weir::ToJson(*job);
  return out;
}

// The job that is to be replaced, at its end.
absl::StatusOr<v1::Job> StopFirst(const Plan& plan, Deadline deadline, ClientSession& session) {
  session.err() << "stopping job " << plan.facts.job << "\n";
  v1::StopRequest request;
  request.set_job(plan.facts.job);
  absl::StatusOr<v1::Job> stopped = session.api().Stop(request, CallDeadline(deadline));
  if (!stopped.ok()) {  // It may have ended in another way meanwhile.
    const absl::StatusOr<v1::Job> now = Get(plan.facts.job, session);
    if (!now.ok() || !IsFinal(*now)) return stopped.status();
    stopped = *now;
  }
  if (!IsFinal(*stopped)) {
    WEIR_ASSIGN_OR_RETURN(stopped, WaitUntilFinal(plan.facts.job, deadline, session, nullptr));
  }
  return Get(plan.facts.job, session);
}

absl::StatusOr<v1::Job> Perform(Plan plan, const ApplyFlags& flags, Deadline deadline,
                                ClientSession& session) {
  const bool stops = plan.action == ApplyAction::kReplace;
  if (stops) {
    WEIR_ASSIGN_OR_RETURN(const v1::Job stopped, StopFirst(plan, deadline, session));
    plan.facts = FactsOf(stopped, plan.filled);
  }
  v1::SubmitRequest request = RequestFor(plan, flags);
  request.set_request_id(ApplyRequestId(plan.facts, plan.name, plan.filled));
  absl::StatusOr<v1::Job> job = session.api().Submit(request);
  if (!job.ok() && stops) {
    session.err() << "job " << plan.facts.job << " is stopped at epoch " << plan.facts.epoch
                  << ", and nothing is lost: apply this or the script before once more, when the "
                     "following is mended, to go on from there\n";
  }
  return job;
}

absl::StatusOr<int> Apply(const ApplyFlags& flags, ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  WEIR_ASSIGN_OR_RETURN(const Plan plan, MakePlan(flags, session));
  for (const std::string& warning : plan.checked.warnings()) {
    session.err() << "warning: " << warning << "\n";
  }
  if (flags.dry_run) {
    if (session.json()) {
      session.PrintJson(ToJson(plan, nullptr));
    } else {
      PrintPlan(plan, session.out(), session.console());
    }
    return kExitOk;
  }
  PrintPlan(plan, session.err(), session.console());
  v1::Job job = plan.current;
  if (plan.action != ApplyAction::kUnchanged) {
    WEIR_ASSIGN_OR_RETURN(job, Perform(plan, flags, deadline, session));
    session.err() << "submitted job " << job.name() << "; see it with: weir job watch "
                  << job.name() << "\n";
  }
  if (session.json()) {
    session.PrintJson(ToJson(plan, &job));
  } else {
    session.out() << job.id() << std::endl;
  }
  return kExitOk;
}

void AddScriptFlags(CLI::App* command, ApplyFlags* flags) {
  command->add_option("-f,--file", flags->file, "The job's SQL script; - reads standard input")
      ->required();
  command->add_option("--name", flags->name, "Name of the job (default: the file's, without .sql)");
  command->add_option("--var", flags->variables, "NAME=VALUE for ${NAME} in the script")
      ->take_all()
      ->allow_extra_args(false);
  command->add_flag("--append", flags->append,
                    "Accept tables that an earlier job of this name has written");
  command
      ->add_option("--drop-state", flags->drop_states,
                   "Leave behind what the job holds of this INSERT and the script has no use for; "
                   "windows that are open then miss the rows so far")
      ->take_all()
      ->allow_extra_args(false);
}

}  // namespace

void AddApplyCommands(CLI::App& job, const ClientFlags& client, const Console& console,
                      int* exit_code) {
  const auto add = [&](const char* name, const char* help) {
    CLI::App* command = job.add_subcommand(name, help);
    auto flags = std::make_shared<ApplyFlags>();  // shared with the callback
    AddScriptFlags(command, flags.get());
    command->callback([flags, &client, &console, exit_code] {
      *exit_code = RunWithApi(client, console,
                              [&](ClientSession& session) { return Apply(*flags, session); });
    });
    return std::pair(command, flags);
  };
  {
    auto [apply, flags] =
        add("apply", "Make the job of this name run this script, with the state it has");
    apply->add_flag("--dry-run", flags->dry_run,
                    "Show what would change and what becomes of state");
    apply->add_option("--timeout", flags->timeout, kTimeoutHelp)->capture_default_str();
  }
  auto [diff, flags] = add("diff", "Show what `job apply` would change");
  flags->dry_run = true;
}

}  // namespace weir
