#include "source/explain/asked.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

#include "source/base/concat.h"
#include "source/base/suggest.h"

namespace weir::explain {
namespace {

using Json = nlohmann::json;
using base::concat;

// Reads one description; the first thing that is wrong stays. Worker-confined.
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
      number(json["worker"], to.worker);
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
  void number(const Json& json, uint32_t& to) {
    const bool fits =
        json.is_number_unsigned() && json.get<uint64_t>() <= std::numeric_limits<uint32_t>::max();
    fits ? void(to = json.get<uint32_t>()) : fail("worker is the number of a worker, from 0");
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

}  // namespace

absl::StatusOr<Asked> readAsked(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return absl::InvalidArgumentError(R"(the body is not JSON; write {"url": "http://host/path"})");
  }
  Asked asked;
  Reader reader;
  reader.read(parsed, asked);
  if (!reader.error().empty()) return absl::InvalidArgumentError(reader.error());
  return asked;
}

}  // namespace weir::explain
