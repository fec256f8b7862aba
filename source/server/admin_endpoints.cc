#include "source/server/admin_endpoints.h"

#include <optional>
#include <string>

#include "source/base/concat.h"
#include "source/server/admin_json.h"
#include "source/server/server.h"
#include "source/upstream/endpoint_health.h"

namespace weir::server {
namespace {

using Json = nlohmann::json;
using base::concat;
using control::Operated;
using upstream::OperatorState;

Json stateOf(const AdminRequest& request, const control::ObservedMember& member) {
  return {{"cluster", queryValue(request, "cluster")},
          {"endpoint", member.endpoint->id},
          {"state", upstream::stateName(member.state)},
          {"health", upstream::healthName(member.health)},
          {"revision", member.revision}};
}

AdminReply operate(Server& server, const AdminRequest& request, OperatorState state) {
  const std::string_view cluster = queryValue(request, "cluster");
  const std::string_view endpoint = queryValue(request, "endpoint");
  if (cluster.empty() || endpoint.empty()) {
    return adminError(400, concat("which endpoint? use ", request.path,
                                  "?cluster=NAME&endpoint=ID, as GET /clusters shows them"));
  }
  std::optional<uint64_t> revision;
  if (request.query.contains("revision")) {
    revision = queryNumber(request, "revision");
    if (!revision) {
      return adminError(400, concat("revision \"", queryValue(request, "revision"),
                                    "\" is no number; use what GET /clusters shows"));
    }
  }
  control::RoutingState& routing = server.routing();
  // Whoever waits for what comes of it asks for events after this one.
  const uint64_t sequence = routing.events().lastSequence();
  const Operated done =
      routing.operate(cluster, endpoint, state, revision, concat("POST ", request.path));
  switch (done.outcome) {
    case Operated::Outcome::kNoCluster:
      return adminError(404, concat("no cluster \"", cluster, "\"", done.suggestion));
    case Operated::Outcome::kNoEndpoint:
      return adminError(404, concat("cluster \"", cluster, "\" has no endpoint \"", endpoint, "\"",
                                    done.suggestion));
    case Operated::Outcome::kStale: {
      Json reply = stateOf(request, done.member);
      reply["error"] = concat("the endpoint has changed: its revision is ", done.member.revision,
                              ", not ", *revision, "; look at it and decide again");
      return adminJson(reply, 409);
    }
    case Operated::Outcome::kDone:
      break;
  }
  Json reply = stateOf(request, done.member);
  reply["sequence"] = sequence;
  return adminJson(reply);
}

}  // namespace

AdminReply drainEndpoint(Server& server, const AdminRequest& request) {
  return operate(server, request, OperatorState::kDraining);
}

AdminReply disableEndpoint(Server& server, const AdminRequest& request) {
  return operate(server, request, OperatorState::kDisabled);
}

AdminReply enableEndpoint(Server& server, const AdminRequest& request) {
  return operate(server, request, OperatorState::kEnabled);
}

}  // namespace weir::server
