#include "source/explain/verdict.h"

#include "source/base/concat.h"
#include "source/http/response_flags.h"

namespace weir::explain {

using base::concat;
using http::RecentRequest;

namespace {

std::string_view stageOf(const RecentRequest& request) {
  if (request.response_us && !request.local) return "answered";
  if (request.first_byte_us) return "answered by the endpoint";
  if (request.upstream_us) return "sent to an endpoint";
  if (!request.cluster.empty()) return "routed to a cluster";
  if (!request.route.empty() || !request.virtual_host.empty()) return "routed";
  return "received";
}

std::string endpointOf(const RecentRequest& request) {
  return request.endpoint.empty()
             ? concat("an endpoint of cluster \"", request.cluster, "\"")
             : concat("endpoint ", request.endpoint, " of cluster \"", request.cluster, "\"");
}

std::string whatOf(const RecentRequest& request) {
  const std::string why =
      request.detail.empty() ? std::string() : concat(" (", request.detail, ")");
  if (request.status == 0) return concat("no answer was sent", why);
  if (!request.filter.empty()) {
    return concat("http filter \"", request.filter, "\" answered ", request.status, why);
  }
  if (request.local) {
    const std::string tried =
        request.attempts == 0
            ? std::string(", without asking an endpoint")
            : concat(" after ", request.attempts,
                     request.attempts == 1 ? " attempt, at " : " attempts, the last at ",
                     endpointOf(request));
    return concat("Weir answered ", request.status, " itself", tried, why);
  }
  return concat(endpointOf(request), " answered ", request.status, why);
}

}  // namespace

Verdict judge(const RecentRequest& request) {
  Verdict verdict{.what = whatOf(request), .stage = std::string(stageOf(request))};
  for (const http::ResponseFlagText& text : http::responseFlagTexts()) {
    if ((request.flags & static_cast<uint32_t>(text.flag)) == 0) continue;
    verdict.flags.push_back(
        {std::string(text.name), std::string(text.meaning), std::string(text.look)});
  }
  return verdict;
}

}  // namespace weir::explain
