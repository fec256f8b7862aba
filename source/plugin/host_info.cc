#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "source/http/dynamic_metadata.h"
#include "source/http/route.h"
#include "source/network/connection.h"
#include "source/network/filter_chain.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/structs.h"

// What weir_host says of the facts of exchanges and connections.
namespace weir::plugin {
namespace {

using network::CertificateFacts;
using network::SecurityInfo;

// Where the facts are, whatever the handle stands for.
struct Sources {
  const http::StreamInfo* stream = nullptr;
  const network::Connection* connection = nullptr;
  const network::ConnectionInfo* info = nullptr;
  const SecurityInfo* security = nullptr;
  std::string_view server_name;
};

Sources sourcesOf(const weir_info* handle) {
  const InfoRef ref = infoOf(handle);
  if (ref.stream != nullptr) {
    return {ref.stream, ref.stream->downstream_connection, ref.stream->connection_info,
            ref.stream->downstream_tls, ref.stream->requested_server_name};
  }
  if (ref.connection == nullptr) return {};
  network::Connection& connection = ref.connection->connection();
  return {nullptr, &connection, ref.connection->info(), connection.transport().security(),
          ref.connection->serverName()};
}

std::string_view keep(std::string_view text, weir_scratch& scratch) {
  const size_t size = std::min(text.size(), sizeof scratch.bytes);
  std::memcpy(scratch.bytes, text.data(), size);
  return {scratch.bytes, size};
}

std::string_view addressText(const network::Address* address, weir_scratch& scratch) {
  if (address == nullptr || address->family() == network::Address::Family::kNone) return {};
  return keep(address->toString(), scratch);
}

const network::Address* remoteOf(const Sources& from) {
  if (from.stream != nullptr) return from.stream->downstream_remote;
  return from.connection == nullptr ? nullptr : &from.connection->remoteAddress();
}

const network::Address* directOf(const Sources& from) {
  if (from.stream != nullptr && from.stream->downstream_direct != nullptr) {
    return from.stream->downstream_direct;
  }
  if (from.info != nullptr && from.info->direct_source.has_value())
    return &*from.info->direct_source;
  return from.connection == nullptr ? nullptr : &from.connection->remoteAddress();
}

const network::Address* localOf(const Sources& from) {
  if (from.stream != nullptr && from.stream->downstream_local != nullptr) {
    return from.stream->downstream_local;
  }
  return from.connection == nullptr ? nullptr : &from.connection->localAddress();
}

const network::Address* originalOf(const Sources& from) {
  if (from.info == nullptr || !from.info->original_destination.has_value()) return nullptr;
  return &*from.info->original_destination;
}

std::string_view element(const std::vector<std::string>& list, uint32_t index) {
  return index < list.size() ? std::string_view(list[index]) : std::string_view();
}

std::string_view streamText(const http::StreamInfo* info, uint32_t fact, weir_scratch& scratch) {
  if (info == nullptr) return {};
  switch (fact) {
    case WEIR_TEXT_REQUEST_ID:
      return info->request_id;
    case WEIR_TEXT_ROUTE:
      return info->route == nullptr ? std::string_view() : info->route->name();
    case WEIR_TEXT_VIRTUAL_HOST:
      return info->route == nullptr ? std::string_view() : info->route->virtualHostName();
    case WEIR_TEXT_CLUSTER:
      return info->cluster;
    case WEIR_TEXT_UPSTREAM_ADDRESS:
      return addressText(info->upstream_address, scratch);
    case WEIR_TEXT_DETAIL:
      return info->detail;
    case WEIR_TEXT_RESPONSE_FLAGS: {
      if (info->flags == 0) return {};
      std::string flags;
      http::appendResponseFlags(info->flags, flags);
      return keep(flags, scratch);
    }
    default:
      return {};
  }
}

std::string_view tlsText(const SecurityInfo& tls, uint32_t fact) {
  switch (fact) {
    case WEIR_TEXT_TLS_VERSION:
      return tls.tlsVersion();
    case WEIR_TEXT_TLS_CIPHER:
      return tls.cipher();
    case WEIR_TEXT_TLS_SESSION_ID:
      return tls.sessionId();
    default:
      return {};
  }
}

std::string_view peerText(const CertificateFacts& peer, uint32_t fact, uint32_t index) {
  switch (fact) {
    case WEIR_TEXT_PEER_SUBJECT:
      return peer.subject;
    case WEIR_TEXT_PEER_ISSUER:
      return peer.issuer;
    case WEIR_TEXT_PEER_SERIAL:
      return peer.serial;
    case WEIR_TEXT_PEER_SHA256:
      return peer.sha256;
    case WEIR_TEXT_PEER_PEM:
      return peer.pem;
    case WEIR_TEXT_PEER_DNS_NAME:
      return element(peer.dns_names, index);
    case WEIR_TEXT_PEER_URI:
      return element(peer.uris, index);
    case WEIR_TEXT_PEER_EMAIL:
      return element(peer.emails, index);
    default:
      return {};
  }
}

std::string_view localText(const CertificateFacts& local, uint32_t fact, uint32_t index) {
  switch (fact) {
    case WEIR_TEXT_LOCAL_SUBJECT:
      return local.subject;
    case WEIR_TEXT_LOCAL_DNS_NAME:
      return element(local.dns_names, index);
    case WEIR_TEXT_LOCAL_URI:
      return element(local.uris, index);
    default:
      return {};
  }
}

std::string_view securityText(const SecurityInfo* security, uint32_t fact, uint32_t index) {
  if (security == nullptr) return {};
  if (fact <= WEIR_TEXT_TLS_SESSION_ID) return tlsText(*security, fact);
  if (fact <= WEIR_TEXT_PEER_EMAIL) {
    const CertificateFacts* const peer = security->peerCertificate();
    return peer == nullptr ? std::string_view() : peerText(*peer, fact, index);
  }
  const CertificateFacts* const local = security->localCertificate();
  return local == nullptr ? std::string_view() : localText(*local, fact, index);
}

bool isList(uint32_t fact) {
  switch (fact) {
    case WEIR_TEXT_PEER_DNS_NAME:
    case WEIR_TEXT_PEER_URI:
    case WEIR_TEXT_PEER_EMAIL:
    case WEIR_TEXT_LOCAL_DNS_NAME:
    case WEIR_TEXT_LOCAL_URI:
    case WEIR_TEXT_OFFERED_PROTOCOL:
      return true;
    default:
      return false;
  }
}

std::string_view textOf(const Sources& from, uint32_t fact, uint32_t index, weir_scratch& scratch) {
  if (index > 0 && !isList(fact)) return {};
  switch (fact) {
    case WEIR_TEXT_DOWNSTREAM_ADDRESS:
      return addressText(remoteOf(from), scratch);
    case WEIR_TEXT_DOWNSTREAM_DIRECT_ADDRESS:
      return addressText(directOf(from), scratch);
    case WEIR_TEXT_DOWNSTREAM_LOCAL_ADDRESS:
      return addressText(localOf(from), scratch);
    case WEIR_TEXT_ORIGINAL_DESTINATION:
      return addressText(originalOf(from), scratch);
    case WEIR_TEXT_SERVER_NAME:
      return from.server_name;
    case WEIR_TEXT_OFFERED_PROTOCOL:
      return from.info == nullptr ? std::string_view()
                                  : element(from.info->application_protocols, index);
    default:
      return fact >= WEIR_TEXT_TLS_VERSION && fact <= WEIR_TEXT_LOCAL_URI
                 ? securityText(from.security, fact, index)
                 : streamText(from.stream, fact, scratch);
  }
}

std::optional<int64_t> after(event::MonotonicTime start, event::MonotonicTime then) {
  if (then == event::MonotonicTime{}) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(then - start).count();
}

int64_t secondsOf(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::optional<int64_t> streamNumber(const http::StreamInfo& info, uint32_t fact) {
  switch (fact) {
    case WEIR_NUMBER_START_TIME:
      return std::chrono::duration_cast<std::chrono::nanoseconds>(
                 info.start_time.time_since_epoch())
          .count();
    case WEIR_NUMBER_REQUEST_COMPLETE:
      return after(info.started, info.request_complete);
    case WEIR_NUMBER_UPSTREAM_STARTED:
      return after(info.started, info.upstream_started);
    case WEIR_NUMBER_UPSTREAM_FIRST_BYTE:
      return after(info.started, info.upstream_first_byte);
    case WEIR_NUMBER_RESPONSE_STARTED:
      return after(info.started, info.response_started);
    case WEIR_NUMBER_ENDED:
      return after(info.started, info.ended);
    case WEIR_NUMBER_REQUEST_BYTES:
      return static_cast<int64_t>(info.request_bytes);
    case WEIR_NUMBER_RESPONSE_BYTES:
      return static_cast<int64_t>(info.response_bytes);
    case WEIR_NUMBER_STATUS:
      return info.status == 0 ? std::optional<int64_t>() : info.status;
    case WEIR_NUMBER_GRPC_STATUS:
      return info.grpc_status.has_value()
                 ? std::optional<int64_t>(static_cast<int64_t>(*info.grpc_status))
                 : std::nullopt;
    case WEIR_NUMBER_ATTEMPTS:
      return info.attempts;
    case WEIR_NUMBER_CONNECTION_ID:
      return static_cast<int64_t>(info.connection_id);
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> connectionNumber(const network::Connection& connection, uint32_t fact) {
  switch (fact) {
    case WEIR_NUMBER_REQUEST_BYTES:
      return static_cast<int64_t>(connection.bytesReceived());
    case WEIR_NUMBER_RESPONSE_BYTES:
      return static_cast<int64_t>(connection.bytesSent());
    case WEIR_NUMBER_CONNECTION_ID:
      return static_cast<int64_t>(connection.id());
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> securityNumber(const SecurityInfo* security, uint32_t fact) {
  if (security == nullptr) return std::nullopt;
  const CertificateFacts* const peer = security->peerCertificate();
  switch (fact) {
    case WEIR_NUMBER_TLS_RESUMED:
      return security->resumed() ? 1 : 0;
    case WEIR_NUMBER_PEER_VERIFIED:
      return security->peerVerified() ? 1 : 0;
    case WEIR_NUMBER_PEER_NOT_BEFORE:
      return peer == nullptr ? std::optional<int64_t>() : secondsOf(peer->not_before);
    case WEIR_NUMBER_PEER_NOT_AFTER:
      return peer == nullptr ? std::optional<int64_t>() : secondsOf(peer->not_after);
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> numberOf(const Sources& from, uint32_t fact) {
  if (fact >= WEIR_NUMBER_TLS_RESUMED) return securityNumber(from.security, fact);
  if (from.stream != nullptr) return streamNumber(*from.stream, fact);
  return from.connection == nullptr ? std::nullopt : connectionNumber(*from.connection, fact);
}

int32_t text(const weir_info* info, uint32_t fact, uint32_t index, weir_scratch* scratch,
             weir_str* out) {
  *out = {};
  if (info == nullptr) return 0;
  const std::string_view found = textOf(sourcesOf(info), fact, index, *scratch);
  *out = str(found);
  return found.empty() ? 0 : 1;
}

int32_t number(const weir_info* info, uint32_t fact, int64_t* out) {
  *out = 0;
  if (info == nullptr) return 0;
  const std::optional<int64_t> found = numberOf(sourcesOf(info), fact);
  *out = found.value_or(0);
  return found.has_value() ? 1 : 0;
}

int32_t metadata(const weir_info* info, weir_str name_space, weir_str key, weir_value* out) {
  *out = {};
  const http::StreamInfo* const stream = info == nullptr ? nullptr : infoOf(info).stream;
  if (stream == nullptr || stream->dynamic_metadata == nullptr) return 0;
  const auto* const value = stream->dynamic_metadata->find(view(name_space), view(key));
  if (value == nullptr) return 0;
  if (const auto* const found = std::get_if<std::string_view>(value)) {
    *out = {.type = WEIR_VALUE_TEXT, .boolean = 0, .number = 0, .text = str(*found)};
  } else if (const auto* const found = std::get_if<double>(value)) {
    *out = {.type = WEIR_VALUE_NUMBER, .boolean = 0, .number = *found, .text = {}};
  } else if (const auto* const found = std::get_if<bool>(value)) {
    *out = {.type = WEIR_VALUE_BOOL, .boolean = *found ? 1 : 0, .number = 0, .text = {}};
  } else {
    return 0;  // of a kind that plugins cannot be shown
  }
  return 1;
}

}  // namespace

void fillInfo(weir_host& host) {
  host.info_text = text;
  host.info_number = number;
  host.info_metadata = metadata;
}

}  // namespace weir::plugin
