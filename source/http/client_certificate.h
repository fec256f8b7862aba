#pragma once

#include <cstdint>

#include "source/http/message.h"
#include "source/network/transport_socket.h"

namespace weir::http {

// What the upstream is told about the client's certificate in X-Forwarded-Client-Cert: a list of
// elements, one for each proxy that saw a certificate, each of key=value pairs joined by ';'
// (By, Hash, Subject, URI, DNS, Cert), as Envoy and its users write it.
struct ClientCertificateHeader {
  // What happens to a field that came, and whether one for this connection is added. A certificate
  // only counts when it was verified.
  enum class Mode : uint8_t {
    kSanitize,           // taken off
    kForwardOnly,        // kept when the client showed a certificate, else taken off
    kAppendForward,      // the same, with this connection's element behind what came
    kSanitizeSet,        // taken off; this connection's element is set
    kAlwaysForwardOnly,  // kept whatever the client showed
  };
  Mode mode = Mode::kSanitize;
  // Parts of an element beside By (URI of Weir's own certificate) and Hash.
  bool subject = false;
  bool uri = true;
  bool dns = false;
  bool certificate = false;  // the PEM text, percent-encoded: large
};

// Applies `options` to a request; `security` of the client's connection, null for a plain one.
void applyClientCertificate(const ClientCertificateHeader& options, RequestHead& head,
                            const network::SecurityInfo* security);

}  // namespace weir::http
