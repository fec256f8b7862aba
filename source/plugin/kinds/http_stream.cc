#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "source/base/ascii.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/semantics.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/kinds/http_filter.h"

// What weir_http_api offers for one stream.
namespace weir::plugin {
namespace {

using Filter = PluginHttpFilter;

weir_headers* headers(weir_http_stream* stream, uint32_t which) {
  return Filter::of(stream).headers(which);
}

const weir_info* info(weir_http_stream* stream) {
  return handleOf(std::as_const(Filter::of(stream).handle().info()));
}

weir_scope* scope(weir_http_stream* stream) {
  return handleOf(Filter::of(stream).scope());
}

weir_loop* loop(weir_http_stream* stream) {
  return handleOf(Filter::of(stream).worker().loop());
}

void* allocate(weir_http_stream* stream, size_t bytes) {
  return Filter::of(stream).handle().arena().allocate(bytes);
}

void resume(weir_http_stream* stream, uint32_t direction) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return;
  direction == WEIR_REQUEST ? filter.handle().resumeRequest() : filter.handle().resumeResponse();
}

// The fields that may be in a reply; its Content-Type goes to `type`, when that is empty.
std::vector<http::ReplyField> replyFields(const weir_reply& reply, std::string_view& type) {
  std::vector<http::ReplyField> fields;
  for (const weir_field& field : fieldsOf(reply.headers, reply.header_count)) {
    const std::string_view name = view(field.name);
    if (!maySetField(name, view(field.value))) continue;
    if (!base::equalsIgnoreCase(name, "content-type")) {
      fields.push_back({name, view(field.value)});
    } else if (type.empty()) {
      type = view(field.value);
    }
  }
  return fields;
}

bool allWellFormed(const weir_reply& reply) {
  if (reply.status < 200 || reply.status > 599) return false;
  if (!http::isFieldValue(view(reply.content_type))) return false;
  if (reply.grpc_status >= static_cast<int32_t>(http::kGrpcStatuses)) return false;
  for (const weir_field& field : fieldsOf(reply.headers, reply.header_count)) {
    if (!http::isToken(view(field.name)) || !http::isFieldValue(view(field.value))) return false;
  }
  return true;
}

int32_t localReply(weir_http_stream* stream, const weir_reply* given) {
  Filter& filter = Filter::of(stream);
  if (filter.ended() || given == nullptr) return 0;
  auto reply = readStruct<weir_reply>(given);
  // One from before grpc_status was known would say OK.
  if (claimedSize(given) < offsetof(weir_reply, flags)) reply.grpc_status = -1;
  if (!allWellFormed(reply)) return 0;
  std::string_view type = view(reply.content_type);
  const std::vector<http::ReplyField> fields = replyFields(reply, type);
  const std::string_view detail = filter.handle().arena().copy(view(reply.detail));
  http::LocalReply local{.status = static_cast<uint16_t>(reply.status),
                         .body = view(reply.body),
                         .detail = detail.empty() ? "plugin_reply" : detail,
                         .close_connection = (reply.flags & WEIR_REPLY_CLOSE_CONNECTION) != 0,
                         .fields = fields};
  if (!type.empty()) local.content_type = type;
  if (reply.grpc_status >= 0) local.grpc_status = static_cast<http::GrpcStatus>(reply.grpc_status);
  filter.handle().localReply(local);
  return 1;
}

void reset(weir_http_stream* stream, weir_str detail) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return;
  const std::string_view text = filter.handle().arena().copy(view(detail));
  filter.handle().reset({http::ErrorOrigin::kLocal, http::ErrorReason::kFilter, false,
                         text.empty() ? "plugin_reset" : text});
}

void fail(weir_http_stream* stream, weir_str what) {
  Filter::of(stream).fail("stream", view(what));
}

void setBodyNeeds(weir_http_stream* stream, const weir_body_needs* needs) {
  Filter& filter = Filter::of(stream);
  if (filter.ended() || needs == nullptr) return;
  filter.handle().setBodyNeeds(filter.worker().readNeeds(readStruct<weir_body_needs>(needs)));
}

void holdHead(weir_http_stream* stream, uint32_t direction) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return;
  direction == WEIR_REQUEST ? filter.handle().holdRequestHead()
                            : filter.handle().holdResponseHead();
}

void addBody(weir_http_stream* stream, uint32_t direction, weir_buffer* body) {
  Filter& filter = Filter::of(stream);
  if (filter.ended() || body == nullptr) return;
  direction == WEIR_REQUEST ? filter.handle().addRequestBody(bufferOf(body))
                            : filter.handle().addResponseBody(bufferOf(body));
}

void forgetLength(weir_http_stream* stream, uint32_t direction) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return;
  http::BodyFraming& framing = direction == WEIR_REQUEST ? filter.handle().requestHead().framing
                                                         : filter.handle().responseHead().framing;
  if (framing == http::BodyFraming::kContentLength) framing = http::BodyFraming::kChunked;
}

void* routeConfig(weir_http_stream* stream) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return nullptr;
  const http::RouteFilterConfig* const config = filter.handle().routeConfig();
  return config == nullptr ? nullptr : static_cast<const PluginRouteConfig*>(config)->object();
}

void clearRoute(weir_http_stream* stream) {
  Filter& filter = Filter::of(stream);
  if (!filter.ended()) filter.handle().clearRouteCache();
}

void overrideHost(weir_http_stream* stream, weir_str endpoint) {
  Filter& filter = Filter::of(stream);
  if (filter.ended()) return;
  filter.handle().info().override_host = filter.handle().arena().copy(view(endpoint));
}

std::optional<http::DynamicMetadata::Value> valueOf(const weir_value& value) {
  switch (value.type) {
    case WEIR_VALUE_TEXT:
      return view(value.text);
    case WEIR_VALUE_NUMBER:
      return value.number;
    case WEIR_VALUE_BOOL:
      return value.boolean != 0;
    default:
      return std::nullopt;
  }
}

int32_t setMetadata(weir_http_stream* stream, weir_str name_space, weir_str key,
                    const weir_value* given) {
  Filter& filter = Filter::of(stream);
  if (filter.ended() || given == nullptr) return 0;
  http::DynamicMetadata& metadata = filter.handle().dynamicMetadata();
  if (given->type == WEIR_VALUE_NONE) {
    metadata.remove(view(name_space), view(key));
    return 1;
  }
  const auto value = valueOf(*given);
  return value.has_value() && metadata.set(view(name_space), view(key), *value) ? 1 : 0;
}

}  // namespace

const weir_http_api kHttpApi{
    .size = sizeof(weir_http_api),
    .reserved = 0,
    .headers = headers,
    .info = info,
    .scope = scope,
    .loop = loop,
    .allocate = allocate,
    .resume = resume,
    .local_reply = localReply,
    .reset = reset,
    .fail = fail,
    .set_body_needs = setBodyNeeds,
    .hold_head = holdHead,
    .add_body = addBody,
    .forget_length = forgetLength,
    .route_config = routeConfig,
    .clear_route = clearRoute,
    .override_host = overrideHost,
    .set_metadata = setMetadata,
};

}  // namespace weir::plugin
