  # What it is made of: a product of this mesh, with the majors that it can take. `mesh search` finds them; ask for access with
  # `mesh access request`.
  input "supply" {
    source    = "{{domain}}/supply@^1"
    frequency = "{{frequency}}"
  }
