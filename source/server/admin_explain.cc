#include "source/server/admin_explain.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/explain/asked.h"
#include "source/explain/inquiry.h"
#include "source/server/admin_requests.h"
#include "source/server/ask_workers.h"
#include "source/server/server.h"
#include "source/upstream/endpoint_health.h"

namespace weir::server {
namespace {

using base::concat;
using explain::Asked;
using explain::Inquiry;

// What only the main thread knows of the endpoints.
void addStates(Server& server, explain::Explanation& said) {
  for (explain::ClusterView& cluster : said.clusters) {
    for (const control::ObservedMember& member : server.routing().members(cluster.name)) {
      for (explain::EndpointView& endpoint : cluster.endpoints) {
        if (endpoint.id != member.endpoint->id) continue;
        endpoint.state = upstream::stateName(member.state);
        endpoint.checked = upstream::healthName(member.checked);
        endpoint.ejected = member.ejected;
      }
    }
  }
}

AdminReply shown(const explain::Explanation& said, bool as_text) {
  if (!as_text) return {.body = explain::toJson(said)};
  return {.body = explain::toText(said), .content_type = "text/plain; charset=utf-8"};
}

AdminReply explainQuestion(Server& server, const Asked& asked, bool as_text) {
  auto begun = Inquiry::begin(server.sharedSnapshot(), asked.question);
  if (!begun.ok()) return adminError(400, std::string(base::view(begun.status().message())));
  const std::shared_ptr<Inquiry> inquiry = *std::move(begun);
  if (inquiry->clusters().empty()) return shown(inquiry->explanation(), as_text);
  if (asked.worker >= server.workerCount()) {
    return adminError(400, concat("there is no worker ", asked.worker, "; there are ",
                                  server.workerCount(), ", counted from 0"));
  }
  AdminReply reply;
  reply.later = std::make_unique<AskWorkers>(
      server, std::vector<uint32_t>{asked.worker},
      [inquiry](const WorkerView& view, size_t) { inquiry->askClusters(view.clusters); },
      [inquiry, as_text, &server] {
        addStates(server, inquiry->explanation());
        return shown(inquiry->explanation(), as_text);
      });
  return reply;
}

}  // namespace

AdminReply explainRequest(Server& server, const AdminRequest& request) {
  const auto asked = explain::readAsked(request.body);
  if (!asked.ok()) return adminError(400, std::string(base::view(asked.status().message())));
  const std::string_view format = queryValue(request, "format");
  if (!format.empty() && format != "text" && format != "json") {
    return adminError(400, concat("format \"", format, "\" is not known; use text or json"));
  }
  const bool as_text = format == "text";
  if (!asked->request_id.empty()) return explainRecent(server, asked->request_id, as_text);
  return explainQuestion(server, *asked, as_text);
}

}  // namespace weir::server
