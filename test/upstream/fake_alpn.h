#pragma once

#include <memory>
#include <string>
#include <utility>

#include "source/network/plain_transport.h"
#include "source/network/transport_socket.h"

namespace weir::upstream {

// Plain bytes that pass for TLS on which the endpoint has chosen a protocol. Immutable.
class FakeAlpn final : public network::TransportSocketFactory {
 public:
  // Read whenever a connection is made.
  explicit FakeAlpn(const std::string& chosen) : chosen_(chosen) {}
  std::unique_ptr<network::WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<Worker>(chosen_);
  }
  bool secure() const override { return true; }

 private:
  class Facts final : public network::SecurityInfo {
    std::string_view tlsVersion() const override { return "TLSv1.3"; }
    std::string_view cipher() const override { return "none"; }
    std::string_view requestedServerName() const override { return {}; }
  };
  class Socket final : public network::TransportSocket {
   public:
    explicit Socket(std::string chosen) : chosen_(std::move(chosen)) {}
    void attach(int fd, network::TransportHost& host) override { plain_.attach(fd, host); }
    void unread(buffer::Buffer&) override {}
    network::IoResult read(std::span<char> out) override { return plain_.read(out); }
    network::IoResult write(buffer::Buffer& data) override { return plain_.write(data, false); }
    network::IoResult shutdownWrite() override { return plain_.shutdownWrite(); }
    std::string_view applicationProtocol() const override { return chosen_; }
    const network::SecurityInfo* security() const override { return &facts_; }

   private:
    const std::string chosen_;
    network::PlainTransport plain_;
    Facts facts_;
  };
  class Worker final : public network::WorkerTransportSocketFactory {
   public:
    explicit Worker(const std::string& chosen) : chosen_(chosen) {}
    std::unique_ptr<network::TransportSocket> create(const network::TransportTarget&) override {
      return std::make_unique<Socket>(chosen_);
    }

   private:
    const std::string& chosen_;
  };

  const std::string& chosen_;
};

}  // namespace weir::upstream
