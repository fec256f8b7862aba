#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/lua/test_runner/world.h"
#include "source/http/filter_chain.h"
#include "source/http/metadata.h"
#include "source/http/route.h"
#include "source/network/address.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::http_filters::lua::test_runner {

// The route that a test says a request has. Immutable.
class TestRoute final : public http::Route {
 public:
  std::string_view name() const override { return route_name; }
  std::string_view virtualHostName() const override { return virtual_host_name; }
  std::string_view clusterName() const override { return cluster_name; }
  const http::RouteFilter* filter(uint32_t) const override {
    return of_filter.config == nullptr ? nullptr : &of_filter;
  }
  const http::Metadata* metadata() const override { return route_metadata.get(); }
  const http::Metadata* virtualHostMetadata() const override { return host_metadata.get(); }

  std::string route_name, virtual_host_name, cluster_name;
  std::unique_ptr<http::Metadata> route_metadata;
  std::unique_ptr<http::Metadata> host_metadata;
  http::RouteFilter of_filter;
};

// The client's TLS as a test says. Immutable.
class TestSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return version; }
  std::string_view cipher() const override { return cipher_name; }
  std::string_view cipherOpenSslName() const override { return cipher_name; }
  std::string_view requestedServerName() const override { return server_name; }
  std::string_view sessionId() const override { return session_id; }
  const network::CertificateFacts* peerCertificate() const override {
    return peer ? &*peer : nullptr;
  }
  std::string_view peerChainPem() const override {
    return peer ? std::string_view(peer->pem) : std::string_view();
  }
  bool peerVerified() const override { return verified; }
  const network::CertificateFacts* localCertificate() const override {
    return local ? &*local : nullptr;
  }

  std::string version, cipher_name, server_name, session_id;
  std::optional<network::CertificateFacts> peer, local;
  bool verified = false;
};

// What a request is when it comes in.
struct RequestSpec {
  std::string method, path, authority, scheme;
  FieldList fields;
  std::optional<network::Address> remote, local;
  std::unique_ptr<TestSecurity> security;  // null: plain
  std::unique_ptr<TestRoute> route;
  bool http2 = false;
};

// What one end has seen of a message.
struct Seen {
  bool head = false;
  bool ended = false;
  bool trailing = false;  // trailers came
  std::string method, path, authority, scheme;
  uint16_t status = 0;
  FieldList fields, trailers;
  std::string body;
};

// One exchange through a filter chain with the script alone, between a client and an upstream that
// the test plays. Worker-confined.
class Exchange final : public http::ResponseSink, public http::Terminal {
 public:
  Exchange(World& world, LoadedScript& script, RequestSpec spec);
  ~Exchange();

  // What the client does. The head goes first.
  void begin(bool end_stream);
  void sendRequestBody(std::string_view bytes, bool end_stream);
  void sendRequestTrailers(const FieldList& fields);
  // What the upstream does, once the request's head has come to it.
  void beginAnswer(uint16_t status, const FieldList& fields, bool known_length, size_t length,
                   bool end_stream);
  void sendAnswerBody(std::string_view bytes, bool end_stream);
  void sendAnswerTrailers(const FieldList& fields);

  const Seen& upstream() const { return upstream_; }
  const Seen& client() const { return client_; }
  const std::string& reset() const { return reset_; }  // why; empty: it was not
  bool closes() const { return chain_.closeAfterResponse(); }
  const http::StreamInfo& info() const { return info_; }
  // The script has failed in it, at least once.
  bool failed() const { return world_.failures(script_) != failures_before_; }

  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead& head, bool end_stream) override;
  void sendBody(buffer::Buffer& data, bool end_stream) override;
  void sendTrailers(http::HeaderMap& trailers) override;
  void sendReset(const http::StreamError& error) override;
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return spec_.route.get(); }

  void onRequestHead(http::RequestHead& head, bool end_stream) override;
  void onRequestBody(buffer::Buffer& data, bool end_stream) override;
  void onRequestTrailers(http::HeaderMap& trailers) override;
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override { ended_ = true; }

 private:
  World& world_;
  LoadedScript& script_;
  RequestSpec spec_;
  const uint64_t failures_before_;
  Seen upstream_, client_;
  std::string reset_;
  bool ended_ = false;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap request_trailers_{request_.arena};
  http::HeaderMap response_trailers_{response_.arena};
  http::StreamInfo info_;
  base::Arena arena_;
  http::FilterChain chain_;
};

}  // namespace weir::extensions::http_filters::lua::test_runner
