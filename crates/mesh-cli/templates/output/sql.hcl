    sql {
      protocol = "postgres"
      location = "postgres://warehouse.example.com/{{domain}}"
      contract {
        file = "contract.odcs.yaml"
      }
    }
