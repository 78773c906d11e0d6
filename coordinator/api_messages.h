// Values of the cluster as messages of the API.
#ifndef WEIR_COORDINATOR_API_MESSAGES_H_
#define WEIR_COORDINATOR_API_MESSAGES_H_

#include <string>
#include <string_view>

#include "coordinator/cluster.h"
#include "coordinator/doctor.h"
#include "coordinator/job_details.h"

namespace weir::v1 {
class Checkpoint;
class ClusterStatus;
class Diagnosis;
class Job;
class JobDetails;
class JobEvent;
class Worker;
}  // namespace weir::v1

namespace weir {

void Fill(const JobView& view, bool with_script, v1::Job* out);
void Fill(const CheckpointView& view, v1::Checkpoint* out);
void Fill(const WorkerSummary& worker, v1::Worker* out);
void Fill(const ClusterSummary& summary, const std::string& version, v1::ClusterStatus* out);
void Fill(const DoctorReport& report, const std::string& version, v1::Diagnosis* out);
void Fill(const Happening& happening, v1::JobEvent* out);
// `plan` is its text. Without `samples`, rows of the users' data stay out.
void Fill(const JobDetails& details, const std::string& plan, bool samples, v1::JobDetails* out);

// Bytes as text that any screen can show: UTF-8 stays, all else and control characters become \xNN.
std::string PrintableText(std::string_view bytes);

}  // namespace weir

#endif  // WEIR_COORDINATOR_API_MESSAGES_H_
