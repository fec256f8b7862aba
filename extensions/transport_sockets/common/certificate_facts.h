#pragma once

#include <openssl/x509.h>

#include <string>

#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets {

// What a certificate says, as text: for filters, logs and headers. Costs some microseconds: made
// once per connection, when first asked for.
network::CertificateFacts certificateFacts(const X509& certificate);
// "-----BEGIN CERTIFICATE-----…"; "" when there is no memory for it.
std::string pemText(const X509& certificate);

}  // namespace weir::extensions::transport_sockets
