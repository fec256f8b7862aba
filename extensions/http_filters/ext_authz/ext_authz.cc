#include "extensions/http_filters/ext_authz/ext_authz.h"

#include <algorithm>

#include "extensions/http_filters/common/access/json_reader.h"
#include "source/base/ascii.h"
#include "source/http/dynamic_metadata.h"
#include "source/router/http_calls.h"

namespace weir::extensions::http_filters::ext_authz {
namespace {

constexpr uint32_t kMaxAnswerBytes = 64 * 1024;
constexpr std::string_view kFailedField = "x-weir-auth-failed";
constexpr std::string_view kPartialField = "x-weir-partial-body";

// Behind what fields of this name have, as one list (RFC 9110 5.3).
void appendToList(http::HeaderMap& headers, std::string_view name, std::string_view value) {
  if (!headers.has(name)) return headers.add(name, value);
  const std::string_view separator = base::equalsIgnoreCase(name, "cookie") ? "; " : ", ";
  std::string list;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    const bool is = base::equalsIgnoreCase(field.name, name) && !field.value.empty();
    if (is) list.append(field.value).append(separator);
  });
  headers.set(name, list.append(value));
}

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const ExtAuthzConfig> c, base::ServiceMap& services)
      : config(std::move(c)), calls(services.get<router::HttpCalls>()) {
    auto& block = services.get<stats::Block>();
    allowed = &block.counter(config->stats.allowed);
    denied = &block.counter(config->stats.denied);
    failed = &block.counter(config->stats.failed);
    failed_open = &block.counter(config->stats.failed_open);
    too_large = &block.counter(config->stats.too_large);
  }

  const std::shared_ptr<const ExtAuthzConfig> config;
  router::HttpCalls& calls;
  std::vector<router::HttpCallField> fields;  // of the question that is being made
  stats::Cell* allowed = nullptr;
  stats::Cell* denied = nullptr;
  stats::Cell* failed = nullptr;
  stats::Cell* failed_open = nullptr;
  stats::Cell* too_large = nullptr;
};

// Worker-confined.
class ExtAuthzFilter final : public http::HttpFilter, private router::HttpCallListener {
 public:
  ExtAuthzFilter(Shared& shared, base::Arena& arena) : shared_(shared), client_fields_(arena) {}

  http::BodyNeeds bodyNeeds() const override {
    // Of the response only the head.
    if (shared_.config->max_body_bytes == 0) return {};
    return {.request = http::BodyMode::kStream};
  }

  http::Verdict onRequestHead(http::RequestHead& head, bool end_stream) override {
    removeOwnFields(head.headers);
    const size_t most = shared_.config->max_body_bytes;
    if (most == 0 || end_stream || head.framing == http::BodyFraming::kTunnel) {
      ask();
      return http::Verdict::kPause;
    }
    if (head.framing == http::BodyFraming::kContentLength && head.content_length > most &&
        !shared_.config->allow_partial_body) {
      return refuseTooLarge();
    }
    gathering_ = true;
    handle().holdRequestHead();
    return http::Verdict::kContinue;
  }

  // The bytes stay in the chain, behind the head; so few of them do not fill it.
  http::Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override {
    if (!gathering_) return http::Verdict::kContinue;
    const size_t room = shared_.config->max_body_bytes - body_.size();
    if (data.size() > room && !shared_.config->allow_partial_body) return refuseTooLarge();
    partial_ = data.size() > room;
    body_.append(data.toString(), 0, room);
    const bool full = partial_ || (body_.size() == shared_.config->max_body_bytes &&
                                   shared_.config->allow_partial_body);
    if (!full && !end_stream) return http::Verdict::kContinue;
    partial_ |= !end_stream;
    ask();
    return http::Verdict::kPause;
  }
  http::Verdict onRequestTrailers(http::HeaderMap&) override {
    if (!gathering_) return http::Verdict::kContinue;
    ask();
    return http::Verdict::kPause;
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    client_fields_.forEach([&head](const http::HeaderMap::Field& field) {
      head.headers.add(field.name, field.value);
    });
    return http::Verdict::kContinue;
  }
  void onStreamEnd() override { call_.cancel(); }

 private:
  // Clients cannot say what only the service may.
  void removeOwnFields(http::HeaderMap& headers) {
    const ExtAuthzConfig& config = *shared_.config;
    headers.removeIf([&config](const http::HeaderMap::Field& field) {
      return config.upstream_fields.has(field.name) ||
             base::equalsIgnoreCase(field.name, kFailedField);
    });
  }

  void ask();
  void addFields(const http::RequestHead& head);
  http::Verdict refuseTooLarge();
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError&) override { fail(); }
  void allow(const router::HttpCallAnswer& answer);
  void deny(router::HttpCallAnswer& answer);
  void fail();
  void setMetadata(std::string_view json);

  Shared& shared_;
  router::HttpCallHandle call_;
  http::HeaderMap client_fields_;  // for the answer to the client
  std::string body_;               // what the service is sent of it
  bool gathering_ = false;
  bool partial_ = false;
};

void ExtAuthzFilter::addFields(const http::RequestHead& head) {
  const ExtAuthzConfig& config = *shared_.config;
  std::vector<router::HttpCallField>& fields = shared_.fields;
  fields.clear();
  head.headers.forEach([&](const http::HeaderMap::Field& field) {
    if (config.request_fields.has(field.name)) fields.push_back({field.name, field.value});
  });
  fields.push_back({"x-forwarded-method", head.method});
  fields.push_back({"x-forwarded-uri", head.path});
  fields.push_back({"x-forwarded-host", head.authority});
  fields.push_back({"x-forwarded-proto", head.scheme});
  if (partial_) fields.push_back({kPartialField, "true"});
  for (const ContextField& field : config.context) fields.push_back({field.name, field.value});
  const auto* const route = static_cast<const ExtAuthzRoute*>(handle().routeConfig());
  if (route == nullptr) return;
  for (const ContextField& field : route->context) fields.push_back({field.name, field.value});
}

void ExtAuthzFilter::ask() {
  gathering_ = false;
  const ExtAuthzConfig& config = *shared_.config;
  const http::RequestHead& head = handle().requestHead();
  addFields(head);
  std::string target = config.path;
  if (target.empty()) target.append(config.path_prefix).append(head.path);
  if (target.empty()) target = "/";
  buffer::Buffer body(handle().blocks());
  body.append(body_);
  const std::string_view method = head.isConnect() ? std::string_view("GET") : head.method;
  call_ = shared_.calls.start(
      {.cluster = config.cluster,
       .method = config.method.empty() ? method : std::string_view(config.method),
       .scheme = head.scheme.empty() ? std::string_view("http") : head.scheme,
       .authority = config.authority.empty() ? head.authority : std::string_view(config.authority),
       .path = target,
       .fields = shared_.fields,
       .body = body.empty() ? nullptr : &body,
       .timeout = config.timeout,
       .max_response_bytes = kMaxAnswerBytes,
       .on_behalf_of = &handle().info()},
      *this);
  shared_.fields.clear();
}

http::Verdict ExtAuthzFilter::refuseTooLarge() {
  gathering_ = false;
  shared_.too_large->add();
  handle().localReply({.status = 413, .detail = "ext_authz_body_too_large"});
  return http::Verdict::kPause;
}

void ExtAuthzFilter::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  const uint16_t status = answer.head.status;
  if (status >= 500) return fail();
  if (status >= 200 && status < 300) return allow(answer);
  deny(answer);
}

void ExtAuthzFilter::allow(const router::HttpCallAnswer& answer) {
  const ExtAuthzConfig& config = *shared_.config;
  http::HeaderMap& headers = handle().requestHead().headers;
  answer.head.headers.forEach([&](const http::HeaderMap::Field& field) {
    // Several of one name stay several.
    if (config.upstream_fields.has(field.name)) headers.add(field.name, field.value);
    if (config.appended_fields.has(field.name)) appendToList(headers, field.name, field.value);
    if (config.client_fields.has(field.name)) client_fields_.add(field.name, field.value);
    if (base::equalsIgnoreCase(field.name, config.metadata_field)) setMetadata(field.value);
  });
  shared_.allowed->add();
  if (config.clear_route_cache) handle().clearRouteCache();
  handle().resumeRequest();
}

void ExtAuthzFilter::deny(router::HttpCallAnswer& answer) {
  shared_.denied->add();
  std::vector<http::ReplyField> fields;
  answer.head.headers.forEach([&](const http::HeaderMap::Field& field) {
    if (shared_.config->denied_fields.has(field.name)) fields.push_back({field.name, field.value});
  });
  const std::string_view type = answer.head.headers.get(http::HeaderId::kContentType);
  const std::string body = answer.body.toString();
  const uint16_t status = answer.head.status >= 300 ? answer.head.status : uint16_t{403};
  handle().localReply({.status = status,
                       .body = body,
                       .content_type = type.empty() ? std::string_view("text/plain") : type,
                       .flag = http::ResponseFlag::kUnauthorized,
                       .detail = "ext_authz_denied",
                       .fields = fields});
}

void ExtAuthzFilter::fail() {
  if (shared_.config->allow_on_failure) {
    shared_.failed_open->add();
    handle().requestHead().headers.set(kFailedField, "true");
    return handle().resumeRequest();
  }
  shared_.failed->add();
  handle().localReply({.status = shared_.config->failure_status,
                       .flag = http::ResponseFlag::kUnauthorized,
                       .detail = "ext_authz_failed"});
}

void ExtAuthzFilter::setMetadata(std::string_view json) {
  base::Arena arena;
  const auto value = readJson(json, arena, {.max_bytes = 8192, .max_depth = 8, .max_values = 256});
  if (!value.ok()) return;
  using Kind = http::MetadataValue::Kind;
  http::DynamicMetadata& metadata = handle().dynamicMetadata();
  for (const http::MetadataField& member : value->members()) {
    const http::MetadataValue& one = member.value;
    if (one.kind == Kind::kText) {
      metadata.set("ext_authz", member.key, one.text);
    } else if (one.kind == Kind::kNumber) {
      metadata.set("ext_authz", member.key, one.number);
    } else if (one.kind == Kind::kBool) {
      metadata.set("ext_authz", member.key, one.flag);
    } else if (one.kind != Kind::kNull) {
      metadata.set("ext_authz", member.key, &one);
    }
  }
}

// Worker-confined.
class WorkerExtAuthzFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerExtAuthzFactory(std::shared_ptr<const ExtAuthzConfig> config, base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<ExtAuthzFilter>(shared_, arena);
  }

 private:
  Shared shared_;
};

}  // namespace

bool FieldNames::has(std::string_view name) const {
  return std::any_of(
             names_.begin(), names_.end(),
             [name](const std::string& each) { return base::equalsIgnoreCase(each, name); }) ||
         std::any_of(prefixes_.begin(), prefixes_.end(), [name](const std::string& each) {
           return base::startsWithIgnoreCase(name, each);
         });
}

std::unique_ptr<http::WorkerHttpFilterFactory> ExtAuthzFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerExtAuthzFactory>(config_, services);
}

}  // namespace weir::extensions::http_filters::ext_authz
