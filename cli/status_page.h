// The status page of a coordinator, over HTTP: read-only, with nothing from elsewhere.
//
//   /                        the page
//   /assets/NAME             what it is made of, built into the binary
//   /api/v1/cluster          its data as JSON, with the field names that `-o json` prints:
//   /api/v1/workers          weir.v1.ClusterStatus, {"workers": [...]},
//   /api/v1/jobs             {"jobs": [...]},
//   /api/v1/jobs/NAME        weir.v1.JobDetails
//
// An error is {"error": {"reason", "message", "leader"}}: 404 for what isn't there, 503 by a
// standby (reason NOT_LEADER, leader: the address of the one that leads).
#ifndef WEIR_CLI_STATUS_PAGE_H_
#define WEIR_CLI_STATUS_PAGE_H_

#include <functional>

#include "base/http_server.h"

namespace weir {

class Coordinator;

// `coordinator` outlives the server that has the pages. Who asks was admitted as a viewer.
std::function<HttpResponse(const HttpRequest&)> StatusPages(const Coordinator& coordinator);

// What Coordinator::MayLook takes, from the Authorization header of a browser or a script: HTTP
// Basic with the token as password becomes "Bearer TOKEN", all else stays.
std::string BearerOf(const std::string& authorization);

}  // namespace weir

#endif  // WEIR_CLI_STATUS_PAGE_H_
