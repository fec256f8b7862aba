#include "extensions/http_filters/ext_authz/config.h"

#include <utility>

#include "api/weir/extensions/http_filters/ext_authz/v1/ext_authz.pb.h"
#include "extensions/http_filters/common/access/fields.h"
#include "extensions/http_filters/ext_authz/ext_authz.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::ext_authz {
namespace {

using config::Cursor;
using std::chrono::milliseconds;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr uint64_t kMaxBodyBytes = 128 * 1024;

// `prefixes`: "x-*" may stand for all that begin so.
FieldNames readNames(const Names& from, bool prefixes, const Cursor& at, std::string_view field) {
  FieldNames to;
  for (int i = 0; i < from.size(); ++i) {
    const Cursor here = at.at(field, i);
    std::string name = from.Get(i);
    const bool prefix = prefixes && name.ends_with('*');
    if (prefix) name.pop_back();
    if (name.find('*') != std::string::npos) {
      here.error(base::concat("\"", from.Get(i), "\" is no field"),
                 prefixes ? "\"*\" stands at the end only" : "name each field");
    }
    if (!prefix) config::require(name, here, "name a field");
    name = readFieldName(name, here);
    prefix ? to.addPrefix(std::move(name)) : to.add(std::move(name));
  }
  return to;
}

std::vector<ContextField> readContext(const v1::ExtAuthz& from, const Cursor& at) {
  std::vector<ContextField> to;
  for (int i = 0; i < from.context_size(); ++i) {
    const Cursor here = at.at("context", i);
    config::require(from.context(i).name(), here.field("name"), "name the field");
    to.push_back(
        {readFieldName(from.context(i).name(), here.field("name")), from.context(i).value()});
    if (!http::isFieldValue(to.back().value)) {
      here.field("value").error("has characters that no field may have");
    }
  }
  return to;
}

void readQuestion(const v1::ExtAuthz& from, const Cursor& at, ExtAuthzConfig& to) {
  to.authority = from.authority();
  to.path_prefix = from.path_prefix();
  to.path = from.path();
  for (const auto& [path, field] :
       {std::pair(&to.path_prefix, "path_prefix"), std::pair(&to.path, "path")}) {
    if (path->empty()) continue;
    if (!path->starts_with('/') || !http::isTarget(*path)) {
      at.field(field).error(base::concat("\"", *path, "\" is no path"), "begin it with \"/\"");
    }
  }
  to.method = from.method();
  if (!to.method.empty() && (!http::isMethod(to.method) || to.method == "CONNECT")) {
    at.field("method").error(base::concat("\"", to.method, "\" is no method to ask with"),
                             "write one such as \"GET\"");
  }
  to.timeout =
      config::readDuration(from.has_timeout() ? &from.timeout() : nullptr, to.timeout,
                           {milliseconds(1), std::chrono::seconds(60)}, at.field("timeout"));
  to.request_fields = readNames(from.request_headers(), true, at, "request_headers");
  if (to.request_fields.empty()) {
    for (const char* name : {"authorization", "cookie", "x-request-id"}) {
      to.request_fields.add(name);
    }
  }
  to.context = readContext(from, at);
  to.max_body_bytes =
      config::readNumber(from.max_body_bytes(), {0, kMaxBodyBytes}, at.field("max_body_bytes"));
  to.allow_partial_body = from.allow_partial_body();
  if (to.allow_partial_body && to.max_body_bytes == 0) {
    at.field("allow_partial_body").error("no body is sent", "give `max_body_bytes`, or remove it");
  }
}

void readAnswer(const v1::ExtAuthz& from, const Cursor& at, ExtAuthzConfig& to) {
  to.upstream_fields = readNames(from.upstream_headers(), false, at, "upstream_headers");
  to.appended_fields =
      readNames(from.append_upstream_headers(), false, at, "append_upstream_headers");
  for (int i = 0; i < from.append_upstream_headers_size(); ++i) {
    const std::string& name = from.append_upstream_headers(i);
    if (!to.upstream_fields.has(name)) continue;
    at.at("append_upstream_headers", i)
        .error(base::concat("\"", name, "\" is in `upstream_headers` too"),
               "there it replaces what the request has, here it goes behind that: leave one out");
  }
  to.client_fields = readNames(from.client_headers(), false, at, "client_headers");
  to.denied_fields = readNames(from.denied_headers(), false, at, "denied_headers");
  if (to.denied_fields.empty()) {
    for (const char* name :
         {"www-authenticate", "location", "set-cookie", "cache-control", "retry-after"}) {
      to.denied_fields.add(name);
    }
  }
  to.allow_on_failure = from.failure_mode_allow();
  to.failure_status = readErrorStatus(from.failure_status(), 503, at.field("failure_status"));
  if (to.allow_on_failure && from.failure_status() != 0) {
    at.field("failure_status").error("nothing is refused then", "remove it");
  }
  to.metadata_field = readFieldName(from.metadata_header(), at.field("metadata_header"));
  to.clear_route_cache = from.clear_route_cache();
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> ExtAuthzExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::ExtAuthz&>(config);
  const size_t problems = at.diagnostics().list().size();
  const std::string label = filterLabel(from.stat_prefix(), context);
  auto to = std::make_shared<ExtAuthzConfig>();
  to->cluster = from.cluster();
  if (config::require(from.cluster(), at.field("cluster"), "name the cluster of the service")) {
    context.compiler.checkCluster(from.cluster(), at.field("cluster"));
  }
  readQuestion(from, at, *to);
  readAnswer(from, at, *to);
  if (at.diagnostics().list().size() > problems) return nullptr;
  const auto counter = [&](std::string_view name, std::string_view help) {
    return context.stats.counter(name, help, {{"filter", label}});
  };
  to->stats = {
      .allowed = counter("ext_authz_allowed_total", "Requests that the service let pass."),
      .denied = counter("ext_authz_denied_total", "Requests that the service refused."),
      .failed = counter("ext_authz_failed_total",
                        "Requests refused because the service could not be asked."),
      .failed_open = counter("ext_authz_failed_open_total",
                             "Requests that passed because the service could not be asked."),
      .too_large = counter("ext_authz_body_too_large_total",
                           "Requests refused because their body was too large to be sent."),
  };
  return std::make_shared<ExtAuthzFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> ExtAuthzExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::ExtAuthz&>(config);
  v1::ExtAuthz rest = from;
  rest.clear_context();
  if (rest.ByteSizeLong() > 0) {
    at.error("has more than `context`; the rest belongs to the filter, in the connection manager",
             "leave it out here");
  }
  auto to = std::make_shared<ExtAuthzRoute>();
  to->context = readContext(from, at);
  return to;
}

}  // namespace weir::extensions::http_filters::ext_authz
