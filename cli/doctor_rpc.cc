#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/host_facts.h"
#include "base/version.h"
#include "cli/api_client.h"
#include "cli/api_json.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/colour.h"
#include "cli/exit_code.h"
#include "coordinator/doctor.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

v1::Finding ToMessage(const Finding& finding) {
  v1::Finding out;
  switch (finding.level) {
    case Finding::Level::kOk:
      out.set_level("ok");
      break;
    case Finding::Level::kWarning:
      out.set_level("warning");
      break;
    case Finding::Level::kProblem:
      out.set_level("problem");
      break;
  }
  out.set_check(finding.check);
  out.set_subject(finding.subject);
  out.set_message(finding.message);
  out.set_fix(finding.fix);
  return out;
}

// What the way to the coordinator and the two clocks say. `asked_us`: our clock before the call.
void AddOwn(const ClientFlags& flags, const v1::Diagnosis& answer, int64_t asked_us,
            v1::Diagnosis* all) {
  const auto add = [all](const Finding& finding) { *all->add_findings() = ToMessage(finding); };
  add({Finding::Level::kOk, "coordinator", flags.coordinator, "answers", ""});
  add(JudgeVersion("this command", Version(), answer.version()));
  const int64_t theirs_us = answer.now().seconds() * 1'000'000 + answer.now().nanos() / 1000;
  add(JudgeClock("this machine", asked_us - theirs_us));
  if (!flags.link.tls_cert.empty()) {
    const HostFacts host = ReadHostFacts("", flags.link.tls_cert);
    add(JudgeCertificate("this command", host.certificate_expires_s, asked_us / 1'000'000));
  }
}

Finding Unreachable(const ClientFlags& flags, const absl::Status& status) {
  const bool denied = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
  return {Finding::Level::kProblem, "coordinator", flags.coordinator, std::string(status.message()),
          denied ? "give a token of an operator: --token-file or WEIR_TOKEN"
                 : "start `weir coordinator`, or name where it is: --coordinator or "
                   "WEIR_COORDINATOR; with TLS give --tls-cert, --tls-key and --tls-ca"};
}

void Print(const v1::Diagnosis& diagnosis, const Console& console) {
  std::ostream& out = *console.out;
  for (const v1::Finding& finding : diagnosis.findings()) {
    const bool ok = finding.level() == "ok";
    const Colour colour = ok                             ? Colour::kGreen
                          : finding.level() == "warning" ? Colour::kYellow
                                                         : Colour::kRed;
    out << Painted(finding.level(), colour, console)
        << std::string(9 - std::min<size_t>(8, finding.level().size()), ' ') << finding.check()
        << std::string(13 - std::min<size_t>(12, finding.check().size()), ' ') << finding.subject()
        << ": " << finding.message() << "\n";
    if (!finding.fix().empty()) out << "         fix: " << finding.fix() << "\n";
  }
}

int Rank(const v1::Finding& finding) {
  return finding.level() == "problem" ? 0 : finding.level() == "warning" ? 1 : 2;
}

absl::StatusOr<int> Examine(ClientSession& session) {
  const ClientFlags& flags = session.flags();
  v1::Diagnosis all;
  const int64_t before_us = SystemClock()->WallMicros();
  const absl::StatusOr<v1::Diagnosis> answer = session.api().Diagnose(v1::DiagnoseRequest());
  if (answer.ok()) {
    // It looked at its clock when the question arrived; the rest took its time behind that.
    AddOwn(flags, *answer, before_us, &all);
    all.mutable_findings()->MergeFrom(answer->findings());
  } else {
    *all.add_findings() = ToMessage(Unreachable(flags, answer.status()));
  }
  std::stable_sort(all.mutable_findings()->begin(), all.mutable_findings()->end(),
                   [](const v1::Finding& a, const v1::Finding& b) { return Rank(a) < Rank(b); });
  const auto count = [&all](int rank) {
    return std::count_if(all.findings().begin(), all.findings().end(),
                         [rank](const v1::Finding& finding) { return Rank(finding) == rank; });
  };
  if (session.json()) {
    nlohmann::ordered_json json = ToJson(all);
    session.PrintJson({{"findings", json["findings"]}});
  } else {
    Print(all, session.console());
  }
  session.err() << count(0) << " problems, " << count(1) << " warnings, " << count(2)
                << " checks passed\n";
  return count(0) > 0 ? kExitFailure : kExitOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, const ClientFlags& flags, const Console& console,
                      int* exit_code) {
  app.add_subcommand("doctor",
                     "Look for what is wrong with the cluster, and say what to do about it")
      ->callback(
          [&flags, &console, exit_code] { *exit_code = RunWithApi(flags, console, Examine); });
}

}  // namespace weir
