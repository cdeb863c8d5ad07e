    stream {
      protocol        = "kafka"
      topic           = "{{domain}}.{{name}}"
      format          = "avro"
      schema_registry = true
      contract {
        file = "contract.odcs.yaml"
      }
    }
