#include "source/server/admin_explain.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/base/suggest.h"
#include "source/explain/inquiry.h"
#include "source/server/admin_requests.h"
#include "source/server/ask_workers.h"
#include "source/server/server.h"
#include "source/upstream/endpoint_health.h"

namespace weir::server {
namespace {

using Json = nlohmann::json;
using base::concat;
using explain::Inquiry;
using explain::Question;

// What a body asks for.
struct Asked {
  Question question;
  std::string request_id;
  uint32_t worker = 0;
};

// Reads one description; the first thing that is wrong stays. Main-thread only.
class Reader {
 public:
  const std::string& error() const { return error_; }

  void read(const Json& json, Asked& to) {
    const std::vector<std::string> known = {
        "method",     "url",   "headers", "listener", "source", "sni", "client_certificate",
        "request_id", "worker"};
    if (!object(json, "the body", known)) return;
    text(json, "method", to.question.method);
    text(json, "url", to.question.url);
    text(json, "listener", to.question.listener);
    text(json, "source", to.question.source);
    text(json, "sni", to.question.server_name);
    text(json, "request_id", to.request_id);
    if (json.contains("headers")) headers(json["headers"], to.question);
    if (json.contains("client_certificate")) certificate(json["client_certificate"], to.question);
    if (json.contains("worker")) {
      json["worker"].is_number_unsigned() ? void(to.worker = json["worker"])
                                          : fail("worker is a number");
    }
    const bool both = !to.request_id.empty() && !to.question.url.empty();
    if (to.request_id.empty() && to.question.url.empty()) {
      fail(R"(say what is asked about: {"url": "http://host/path"} or {"request_id": "…"})");
    } else if (both) {
      fail("url and request_id are two questions; ask one");
    }
  }

 private:
  void fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }
  bool object(const Json& json, std::string_view what, const std::vector<std::string>& known) {
    if (!json.is_object()) fail(concat(what, " is a JSON object"));
    if (!json.is_object()) return false;
    for (const auto& [name, value] : json.items()) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      fail(concat("\"", name, "\" is not known", base::didYouMean(name, known)));
    }
    return true;
  }
  void text(const Json& json, const char* name, std::string& to) {
    if (!json.contains(name)) return;
    json[name].is_string() ? void(to = json[name].get<std::string>())
                           : fail(concat(name, " is a text"));
  }
  void texts(const Json& json, const char* name, std::vector<std::string>& to) {
    if (!json.contains(name)) return;
    if (!json[name].is_array()) return fail(concat(name, " is a list of texts"));
    for (const Json& each : json[name]) {
      each.is_string() ? to.push_back(each) : fail(concat(name, " is a list of texts"));
    }
  }
  void headers(const Json& json, Question& to) {
    if (!json.is_object()) return fail("headers is an object of names and values");
    for (const auto& [name, value] : json.items()) {
      if (value.is_string()) {
        to.headers.emplace_back(name, value.get<std::string>());
      } else if (value.is_array()) {
        std::vector<std::string> values;
        texts(json, name.c_str(), values);
        for (std::string& each : values) to.headers.emplace_back(name, std::move(each));
      } else {
        fail(concat("header ", name, " is a text, or a list of texts"));
      }
    }
  }
  void certificate(const Json& json, Question& to) {
    if (!object(json, "client_certificate", {"subject", "dns", "uris", "verified"})) return;
    explain::StatedCertificate& shown = to.certificate.emplace();
    text(json, "subject", shown.subject);
    texts(json, "dns", shown.dns_names);
    texts(json, "uris", shown.uris);
    if (!json.contains("verified")) return;
    json["verified"].is_boolean() ? void(shown.verified = json["verified"])
                                  : fail("verified is true or false");
  }

  std::string error_;
};

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
  const Json json = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return adminError(400, R"(the body is not JSON; write {"url": "http://host/path"})");
  }
  Asked asked;
  Reader reader;
  reader.read(json, asked);
  if (!reader.error().empty()) return adminError(400, reader.error());
  const std::string_view format = queryValue(request, "format");
  if (!format.empty() && format != "text" && format != "json") {
    return adminError(400, concat("format \"", format, "\" is not known; use text or json"));
  }
  const bool as_text = format == "text";
  if (!asked.request_id.empty()) return explainRecent(server, asked.request_id, as_text);
  return explainQuestion(server, asked, as_text);
}

}  // namespace weir::server
