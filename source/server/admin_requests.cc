#include "source/server/admin_requests.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "source/base/concat.h"
#include "source/base/time.h"
#include "source/explain/verdict.h"
#include "source/server/ask_workers.h"
#include "source/server/server.h"

namespace weir::server {
namespace {

using Json = nlohmann::ordered_json;
using base::concat;
using http::RecentQuery;
using http::RecentRequest;

constexpr uint32_t kMostShown = 10'000;

struct Found {
  RecentRequest request;
  uint32_t worker = 0;
};

// What workers have found, each in its place. Shared with them.
using Gathered = std::vector<std::vector<RecentRequest>>;

std::vector<Found> merged(Gathered& gathered, uint32_t limit) {
  std::vector<Found> all;
  for (uint32_t worker = 0; worker < gathered.size(); ++worker) {
    for (RecentRequest& request : gathered[worker]) all.push_back({std::move(request), worker});
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    return a.request.start_time > b.request.start_time;
  });
  if (all.size() > limit) all.resize(limit);
  return all;
}

// `finish` makes the answer of what was found.
AdminReply ask(Server& server, const RecentQuery& query,
               std::function<AdminReply(std::vector<Found>)> finish) {
  std::vector<uint32_t> workers(server.workerCount());
  std::iota(workers.begin(), workers.end(), 0u);
  auto gathered = std::make_shared<Gathered>(workers.size());
  AdminReply reply;
  reply.later = std::make_unique<AskWorkers>(
      server, std::move(workers),
      [gathered, query](const WorkerView& view, size_t place) {
        (*gathered)[place] = view.recent.find(query);
      },
      [gathered, query, finish = std::move(finish)] {
        return finish(merged(*gathered, query.limit));
      });
  return reply;
}

std::string timeText(event::SystemTime time) {
  std::array<char, base::kRfc3339Size> text;
  return std::string(base::formatRfc3339(time, text));
}

std::string milliseconds(uint32_t us) {
  return concat(us / 1000, ".", std::to_string(1000 + us % 1000).substr(1), " ms");
}

std::string textOf(const Found& found) {
  const RecentRequest& request = found.request;
  const explain::Verdict verdict = explain::judge(request);
  std::string text =
      concat("request:  ", request.method, " ", request.authority, request.path,
             "\nid:       ", request.request_id, "\ntime:     ", timeText(request.start_time),
             ", took ", milliseconds(request.took_us), ", on worker ", found.worker, "\n");
  if (!request.virtual_host.empty()) {
    text += concat("route:    \"", request.route, "\" of virtual host \"", request.virtual_host,
                   "\"\n");
  }
  text += concat("outcome:  ", verdict.what, "\nstage:    ", verdict.stage, "\n");
  for (const auto& flag : verdict.flags) {
    text += concat("flag ", flag.name, ": ", flag.meaning, "\n  look at: ", flag.look, "\n");
  }
  return text;
}

AdminReply nothingFound(const std::string& id) {
  return adminError(404, concat("no exchange with the id \"", id,
                                "\" is remembered; runtime { recent_requests } says how many each "
                                "worker keeps, and GET /requests shows them"));
}

}  // namespace

Json recentJson(const RecentRequest& request, uint32_t worker) {
  const explain::Verdict verdict = explain::judge(request);
  Json json = {{"request_id", request.request_id},
               {"time", timeText(request.start_time)},
               {"worker", worker},
               {"connection", request.connection_id},
               {"client", request.client},
               {"method", request.method},
               {"authority", request.authority},
               {"path", request.path},
               {"virtual_host", request.virtual_host},
               {"route", request.route},
               {"cluster", request.cluster},
               {"endpoint", request.endpoint},
               {"attempts", request.attempts},
               {"status", request.status},
               {"detail", request.detail},
               {"outcome", verdict.what},
               {"stage", verdict.stage},
               {"request_bytes", request.request_bytes},
               {"response_bytes", request.response_bytes},
               {"took_us", request.took_us}};
  if (request.grpc_status) json["grpc_status"] = static_cast<int>(*request.grpc_status);
  if (!request.filter.empty()) json["answered_by_filter"] = request.filter;
  const auto reached = [&json](const char* name, const std::optional<uint32_t>& us) {
    if (us) json[name] = *us;
  };
  reached("request_complete_us", request.request_complete_us);
  reached("upstream_us", request.upstream_us);
  reached("first_byte_us", request.first_byte_us);
  reached("response_us", request.response_us);
  Json flags = Json::array();
  for (const auto& flag : verdict.flags) {
    flags.push_back({{"flag", flag.name}, {"meaning", flag.meaning}, {"look_at", flag.look}});
  }
  json["flags"] = std::move(flags);
  return json;
}

AdminReply showRequests(Server& server, const AdminRequest& request) {
  RecentQuery query;
  query.request_id = queryValue(request, "id");
  for (const std::string_view name : {"status", "limit"}) {
    if (!request.query.contains(name)) continue;
    const std::optional<uint64_t> number = queryNumber(request, name);
    const uint64_t most = name == "status" ? 999 : kMostShown;
    if (!number || *number > most) {
      return adminError(400, concat(name, " \"", queryValue(request, name),
                                    "\" is not understood; use a number up to ", most));
    }
    if (name == "status") query.status = static_cast<uint16_t>(*number);
    if (name == "limit") query.limit = static_cast<uint32_t>(*number);
  }
  const uint32_t kept = server.snapshot().runtime.recent_requests;
  return ask(server, query, [kept](const std::vector<Found>& all) {
    Json list = Json::array();
    for (const Found& found : all) list.push_back(recentJson(found.request, found.worker));
    const Json json = {{"kept_per_worker", kept}, {"requests", std::move(list)}};
    return AdminReply{.body = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
  });
}

AdminReply explainRecent(Server& server, const std::string& request_id, bool as_text) {
  return ask(server, {.request_id = request_id}, [=](const std::vector<Found>& all) {
    if (all.empty()) return nothingFound(request_id);
    if (as_text) {
      std::string text;
      for (const Found& found : all) text += concat(text.empty() ? "" : "\n", textOf(found));
      return AdminReply{.body = std::move(text), .content_type = "text/plain; charset=utf-8"};
    }
    Json list = Json::array();
    for (const Found& found : all) list.push_back(recentJson(found.request, found.worker));
    const Json json = {{"requests", std::move(list)}};
    return AdminReply{.body = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
  });
}

}  // namespace weir::server
