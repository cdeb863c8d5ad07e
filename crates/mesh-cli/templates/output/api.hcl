    api {
      protocol   = "https"
      location   = "https://api.example.com/{{domain}}/{{name}}"
      format     = "json"
      rate_limit = 1000
      contract {
        file = "contract.odcs.yaml"
      }
    }
