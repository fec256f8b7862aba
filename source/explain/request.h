#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "source/explain/question.h"
#include "source/http/connection_manager.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/network/connection_info.h"
#include "source/network/transport_socket.h"

namespace weir::explain {

// What a client is said to have shown in its handshake. Immutable.
class StatedSecurity final : public network::SecurityInfo {
 public:
  StatedSecurity(std::string server_name, const std::optional<StatedCertificate>& certificate);
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view requestedServerName() const override { return server_name_; }
  const network::CertificateFacts* peerCertificate() const override {
    return certificate_ ? &*certificate_ : nullptr;
  }
  bool peerVerified() const override { return verified_; }

 private:
  const std::string server_name_;
  std::optional<network::CertificateFacts> certificate_;
  bool verified_ = false;
};

// A question made into the request that a connection manager would see. Worker-confined: one
// thread has it at a time.
class Request {
 public:
  // The error says what is wrong with the question, and what would be right.
  static absl::StatusOr<std::unique_ptr<Request>> make(const Question& question);
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  bool tls() const { return security_.has_value(); }
  uint16_t port() const { return port_; }
  bool portGiven() const { return port_given_; }
  // The client came by this address of a listener.
  void arriveAt(const network::Address& local);
  // What the connection manager does before it routes; an error is what it refuses it for.
  http::StreamError prepare(const http::ConnectionManagerConfig& config);

  http::RequestHead head;
  http::StreamInfo info;
  network::Address source;
  network::Address local;
  network::ConnectionInfo connection;

 private:
  Request() = default;
  absl::Status readUrl(const Question& question);
  absl::Status readHeaders(const Question& question);
  absl::Status readSource(const Question& question);

  std::optional<StatedSecurity> security_;
  network::Address client_;
  uint16_t port_ = 0;
  bool port_given_ = false;
};

}  // namespace weir::explain
