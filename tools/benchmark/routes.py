"""Many virtual hosts with a few routes each, in each proxy's words.

A request to one of them for `/128` has an exact path, a template and a prefix before it, and is taken
by the last route. Who asks for no such host is served as in the other rows.
"""

ROUTES_PER_HOST = 4


def host(number):
    """wrk_report.lua asks for the same names."""
    return f"shop{number}.example"


def weir(count):
    """`virtual_hosts` of a connection manager."""
    return "\n".join(_WEIR_HOST.format(number=number, host=host(number)) for number in range(count))


def nginx(count, port):
    """The `server` blocks beside the default one, with room for their names."""
    sizes = ["server_names_hash_bucket_size 128;", f"server_names_hash_max_size {max(512, 4 * count)};"]
    return "\n".join([*sizes, *(_NGINX_SERVER.format(port=port, host=host(number)) for number in range(count))])


_WEIR_HOST = """virtual_hosts {{
  name: "shop{number}"  domains: "{host}"
  routes {{ match {{ path: "/status" }}  route {{ cluster: "origin" }} }}
  routes {{ match {{ path_template: "/users/{{id}}/orders/{{order}}" }}  route {{ cluster: "origin" }} }}
  routes {{ match {{ prefix: "/static/" }}  route {{ cluster: "origin" }} }}
  routes {{ match {{ prefix: "/" }}  route {{ cluster: "origin" }} }}
}}"""

_NGINX_SERVER = """server {{
    listen 127.0.0.1:{port};
    server_name {host};
    location = /status {{ proxy_pass http://origin; }}
    location ~ ^/users/[^/]+/orders/[^/]+$ {{ proxy_pass http://origin; }}
    location /static/ {{ proxy_pass http://origin; }}
    location / {{ proxy_pass http://origin; }}
}}"""
